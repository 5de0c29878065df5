/**
 * Web Workers for jax-js on Node.js, which has none: its wasm backend uses all threads where there is a global
 * `Worker` with shared memory, and one where there is not. This is what a browser would give it, no more.
 */

import { resolveObjectURL } from 'node:buffer';
import { Worker } from 'node:worker_threads';

/** Makes a thread look like a worker's global scope. */
const preamble = `import { parentPort } from 'node:worker_threads';
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on('message', (data) => self.onmessage({ data }));
`;

class WebWorker {
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onerror: ((error: Error) => void) | undefined;
  readonly #thread: Promise<Worker>;

  constructor(url: string) {
    this.#thread = this.#start(url);
  }

  async #start(url: string): Promise<Worker> {
    const source = await resolveObjectURL(url)!.text();
    const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(preamble + source)}`));
    thread.on('message', (data) => this.onmessage?.({ data }));
    thread.on('error', (error: Error) => this.onerror?.(error));
    return thread;
  }

  async postMessage(message: unknown): Promise<void> {
    (await this.#thread).postMessage(message);
  }
}

/** Call before jax-js is imported. */
export function provideWorkers(threads: number): void {
  Object.assign(globalThis, { Worker: WebWorker });
  Object.defineProperty(globalThis, 'navigator', { value: { hardwareConcurrency: threads } });
}
