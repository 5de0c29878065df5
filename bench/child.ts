/** A child process of the benchmark: one engine, answering the parent's questions one after the other. */

import type { Engine } from './engines/engine.ts';
import { engines } from './engines/index.ts';
import { measureMachine } from './machine.ts';
import type { Reply, Request } from './protocol.ts';

let engine: Engine | undefined;

async function answer(request: Request): Promise<Record<string, number>> {
  if (request.kind === 'load') {
    const started = performance.now();
    engine = await engines[request.engine].create(request.options);
    return { load: performance.now() - started };
  }
  if (request.kind === 'machine') return measureMachine(request.threads);
  // maxRSS is in kilobytes, on every platform.
  if (request.kind === 'memory') return { peak: process.resourceUsage().maxRSS * 1024 };
  if (!engine) throw new Error('no engine was loaded');
  if (request.kind === 'generate') return engine.generate(request);
  if (request.kind === 'batch') return engine.batch(request);
  if (request.kind === 'answer') {
    if (!engine.answer) throw new Error('this engine does not draft');
    return engine.answer(request);
  }
  return engine.rows(request);
}

process.on('message', async (request: Request) => {
  let reply: Reply;
  try {
    reply = { numbers: await answer(request) };
  } catch (error) {
    reply = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send?.(reply);
});
