/** The page's engine beside a worker that does not start, which no browser can be asked for. */

import { afterEach, expect, it, vi } from 'vitest';
import type { RunRequest } from '../src/engine/engine.ts';
import type { ToWorker } from '../src/engine/worker.ts';

vi.mock('catalogue:methods', () => ({ default: [] }));
vi.mock('catalogue:models', () => ({ default: [] }));
vi.stubGlobal('location', { search: '' });
vi.stubGlobal('document', { baseURI: 'http://localhost/' });
const { PageEngine } = await import('../src/engine/page-engine.ts');

/** The first `broken` workers never start; the others are done with every run at once. */
function workers(broken: number): { made: number; terminated: number } {
  const count = { made: 0, terminated: 0 };
  class FakeWorker extends EventTarget {
    readonly #broken = count.made++ < broken;
    constructor() {
      super();
      if (!this.#broken) return;
      setTimeout(() => this.dispatchEvent(Object.assign(new Event('error'), { message: '' })));
    }
    postMessage(message: ToWorker): void {
      if (this.#broken || message.type === 'cancel') return;
      const data = { type: 'done', run: message.run, summary: {} };
      setTimeout(() => this.dispatchEvent(new MessageEvent('message', { data })));
    }
    terminate(): void {
      count.terminated++;
    }
  }
  vi.stubGlobal('Worker', FakeWorker);
  return count;
}
afterEach(() => void vi.stubGlobal('Worker', undefined));

const request: RunRequest = { model: 'm', prompt: 'p', method: 'greedy', methodOptions: {}, maxTokens: 1 };

async function typesOf(engine: InstanceType<typeof PageEngine>): Promise<string[]> {
  const types: string[] = [];
  const waiting = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('nothing came')), 500));
  const run = async () => {
    for await (const { type } of engine.run(request, new AbortController().signal)) types.push(type);
    return types;
  };
  return Promise.race([run(), waiting]);
}

it('makes another worker after one that could not be started', async () => {
  const count = workers(1);
  const engine = new PageEngine();
  await expect(typesOf(engine)).rejects.toThrow('could not be started');
  expect(await typesOf(engine)).toEqual(['done']);
  expect(await typesOf(engine)).toEqual(['done']);
  expect(count).toEqual({ made: 2, terminated: 1 });
});
