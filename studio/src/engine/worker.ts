/** The engine in a worker of the page: loads a house model, decodes, and says each step. */

import models from 'catalogue:models';
import { TokenTexts } from '../../../src/decode/token-texts.ts';
import { generate, type LanguageModel, loadFromUrl, QuickstepError, webProvider } from '../../../src/web.ts';
import type { RunEvent, RunRequest } from './engine.ts';

export type ToWorker =
  | {
      type: 'run';
      /** Number of the run; cancelling names it, and all that is said of it does. */
      run: number;
      request: RunRequest & { draft?: string; chat: boolean };
      base: string;
      provider?: 'wasm';
    }
  | { type: 'cancel'; run: number };
export type Message = RunEvent | { type: 'cancelled' } | { type: 'failed'; message: string };
export type FromWorker = Message & { run: number };

const scope = self as unknown as {
  postMessage(message: FromWorker): void;
  onmessage: (event: MessageEvent<ToWorker>) => void;
};
type Say = (message: Message) => void;

const loaded = new Map<string, LanguageModel>();
const runs = new Map<number, AbortController>();

/** Lets a message to cancel in: wasm resolves its promises without leaving the worker's own turn. */
function nextTurn(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** What a run loads models with. */
interface Loading {
  base: string;
  provider: 'webgpu' | 'wasm';
  signal: AbortSignal;
  say: Say;
}

async function modelOf(id: string, { base, provider, signal, say }: Loading): Promise<LanguageModel> {
  const known = loaded.get(id);
  if (known) return known;
  const model = await loadFromUrl(new URL(`models/${id}/`, base), {
    provider,
    runtimeUrl: new URL('ort/', base).href,
    signal,
    files: models.find((model) => model.id === id)?.files,
    onProgress: ({ name, received, total }) => say({ type: 'load', file: `${id}/${name}`, received, total }),
  });
  loaded.set(id, model);
  return model;
}

async function decode(
  { request, base, ...message }: Extract<ToWorker, { type: 'run' }>,
  signal: AbortSignal,
  say: Say,
): Promise<void> {
  const { prompt, draft: draftId, chat, model: id, ...options } = request;
  const provider = message.provider ?? (await webProvider());
  const loading = { base, provider, signal, say };
  const model = await modelOf(id, loading);
  const draft = draftId === undefined ? undefined : await modelOf(draftId, loading);
  const texts = new TokenTexts(model.tokenizer);
  const input = chat ? [{ role: 'user', content: prompt }] : prompt;
  const generation = generate(model, input, { ...options, draft, signal });
  say({ type: 'start', place: provider === 'webgpu' ? 'this page, WebGPU' : 'this page, WebAssembly' });
  for await (const step of generation) {
    say({ type: 'step', step: { ...step, canvas: step.canvas && [...step.canvas] }, texts: texts.of(step) });
    await nextTurn();
  }
  const { tokens, committed: _, statistics: __, ...facts } = await generation.result;
  say({ type: 'done', summary: { ...facts, tokens: tokens.length } });
}

scope.onmessage = async ({ data }) => {
  const { run } = data;
  if (data.type === 'cancel') {
    runs.get(run)?.abort(new Error('cancelled'));
    return;
  }
  const say: Say = (message) => scope.postMessage({ ...message, run });
  const control = new AbortController();
  runs.set(run, control);
  try {
    await decode(data, control.signal, say);
  } catch (error) {
    if (control.signal.aborted) say({ type: 'cancelled' });
    else say({ type: 'failed', message: QuickstepError.isInstance(error) ? error.message : String(error) });
  } finally {
    runs.delete(run);
  }
};
