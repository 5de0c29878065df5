/** A run as a page holds it, in a document without a browser: frames come when the test says so. */

import { h, render } from 'preact';
import { expect, it, vi } from 'vitest';
import type { Engine, RunEvent, RunRequest } from '../src/engine/engine.ts';
import { useRun } from '../src/run/use-run.ts';
import { main } from './dom.ts';

const frames: (() => void)[] = [];
vi.stubGlobal('requestAnimationFrame', (draw: () => void) => frames.push(draw));
const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
async function frame(): Promise<void> {
  for (const draw of frames.splice(0)) draw();
  await turn();
}

const requestOf = (prompt: string): RunRequest => ({
  ...{ model: 'm', prompt, method: 'greedy', methodOptions: {}, maxTokens: 1 },
});

/** An engine whose only run says these events and then waits to be stopped. */
const engineOf = (...events: RunEvent[]): Engine => ({
  async *run(_, signal) {
    yield* events;
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  },
});

it('draws nothing of a run that another has taken the place of', async () => {
  let run!: ReturnType<typeof useRun>;
  function Page() {
    run = useRun();
    return null;
  }
  render(h(Page, {}), main);
  void run.start(engineOf({ type: 'start', place: 'first' }), requestOf('first'));
  await turn();
  // A frame of the first run is still to come.
  void run.start(engineOf(), requestOf('second'));
  await turn();
  await frame();
  expect(run.recording?.request.prompt).toBe('second');
  expect(run.loading).toBe('Starting');
});
