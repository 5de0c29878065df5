/** The engine in this page: a worker for each lane, so that lanes run beside each other. */

import methods from 'catalogue:methods';
import models from 'catalogue:models';
import type { Engine, RunEvent, RunRequest } from './engine.ts';
import type { FromWorker, Message, ToWorker } from './worker.ts';

/** What a worker says of a run, in order, without end. */
async function* messages(worker: Worker, run: number): AsyncGenerator<Message, void> {
  const queue: Message[] = [];
  let wake = (): void => {};
  const push = (message: Message): void => {
    queue.push(message);
    wake();
  };
  const control = new AbortController();
  const { signal } = control;
  const onMessage = ({ data }: MessageEvent<FromWorker>) => data.run === run && push(data);
  const onError = ({ message }: ErrorEvent) =>
    push({ type: 'failed', message: message || 'The worker could not be started.' });
  worker.addEventListener('message', onMessage, { signal });
  worker.addEventListener('error', onError, { signal });
  try {
    for (;;) {
      while (queue.length > 0) yield queue.shift()!;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (queue.length > 0) resolve();
      });
    }
  } finally {
    control.abort();
  }
}

/** `?wasm` in the address keeps to wasm where there is WebGPU. */
const provider = new URLSearchParams(location.search).has('wasm') ? 'wasm' : undefined;

export class PageEngine implements Engine {
  #worker: Worker | undefined;
  #runs = 0;

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    // One that cannot be started, or fails by itself, answers nobody any more: the next run has another.
    worker.addEventListener('error', () => {
      if (this.#worker === worker) this.#worker = undefined;
      worker.terminate();
    });
    this.#worker = worker;
    return worker;
  }

  async *run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent, void> {
    const worker = this.#started();
    const run = ++this.#runs;
    const send = (message: ToWorker): void => worker.postMessage(message);
    const model = models.find(({ id }) => id === request.model);
    const drafts = methods.find(({ slug }) => slug === request.method)?.draft;
    const whole = { ...request, chat: model?.chat ?? false, draft: drafts ? model?.draft : undefined };
    const base = new URL('.', document.baseURI).href;
    signal.throwIfAborted();
    send({ type: 'run', run, request: whole, base, provider });
    const cancel = (): void => send({ type: 'cancel', run });
    signal.addEventListener('abort', cancel);
    try {
      for await (const message of messages(worker, run)) {
        if (message.type === 'cancelled') throw signal.reason;
        if (message.type === 'failed') throw new Error(message.message);
        yield message;
        if (message.type === 'done') return;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      // Whoever stops listening stops the run; one that has ended does not mind.
      cancel();
    }
  }
}

const lanes: PageEngine[] = [];

/** The engine of a lane, from 0; it keeps its models. */
export function pageEngine(lane: number): PageEngine {
  lanes[lane] ??= new PageEngine();
  return lanes[lane];
}
