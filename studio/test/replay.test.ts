/** What is drawn of a run after any of its steps, from the steps of real runs and from made-up ones. */

import { expect, it } from 'vitest';
import { generate } from '../../src/decode/generate.ts';
import type { Step } from '../../src/decode/step.ts';
import { load } from '../../src/models/load.ts';
import { newRecording, record } from '../src/replay/recording.ts';
import { branchesOf, canvasLength, cellsAt, textAt, totalsAt } from '../src/replay/replay.ts';

async function stepsOf(id: string, method: string) {
  await using model = await load(id, { threads: 1 });
  const run = generate(model, [{ role: 'user', content: 'Sort: 3 1 2' }], { method, maxTokens: 16 });
  const steps: Step[] = [];
  for await (const step of run) steps.push(step);
  return { steps, result: await run.result };
}

it.each([
  ['house-diffusion', 'diffusion'],
  ['house-causal', 'prompt-lookup'],
])('the steps of %s under %s lead to its answer', async (id, method) => {
  const { steps, result } = await stepsOf(id, method);
  const cells = cellsAt(steps, steps.length);
  expect(cells.slice(0, result.tokens.length).map((cell) => cell?.token)).toEqual(result.tokens);
  expect(textAt(steps, steps.length)).toBe(result.text);
  const { forwards, drafted, accepted } = totalsAt(steps, steps.length);
  expect(forwards).toBe(result.forwards);
  expect([drafted, accepted]).toEqual([result.statistics.drafted, result.statistics.accepted]);
  expect(cellsAt(steps, 0)).toEqual([]);
  // Going back takes away what came later, and nothing else.
  for (let count = 0; count <= steps.length; count++) {
    const shown = cellsAt(steps, count).filter((cell) => cell !== undefined);
    expect(shown.every(({ step }) => step < count)).toBe(true);
  }
  expect(canvasLength(steps)).toBe(method === 'diffusion' ? 16 : 0);
});

const blank: Step = {
  ...{ request: 0, step: 1, kind: 'decode', forwards: 1, rows: 1, proposed: [], committed: [] },
  ...{ text: '', slots: 0, seconds: 0.5, finish: undefined },
};

it('a canvas may take a token back, and be cut', () => {
  const put = (position: number, token: number) => ({ position, token, probability: 0.5 });
  const steps: Step[] = [
    { ...blank, committed: [put(0, 7), put(2, 9)], canvas: [7, -1, 9] },
    { ...blank, committed: [put(1, 8)], canvas: [7, 8, -1] },
    { ...blank, canvas: [7, 5] },
  ];
  expect(cellsAt(steps, 1).map((cell) => cell?.token)).toEqual([7, undefined, 9]);
  expect(cellsAt(steps, 2).map((cell) => cell?.token)).toEqual([7, 8, undefined]);
  expect(cellsAt(steps, 3)).toEqual([
    { token: 7, probability: 0.5, step: 0 },
    { token: 5, step: 2 },
  ]);
});

it('a draft is a forest, with what was accepted first', () => {
  const proposed = [
    { token: 1, parent: -1, accepted: false },
    { token: 2, parent: -1, accepted: true },
    { token: 3, parent: 1, accepted: false },
    { token: 4, parent: 1, accepted: true },
  ];
  const leaf = (token: number, accepted: boolean) => ({ token, accepted, next: [] });
  expect(branchesOf({ proposed })).toEqual([
    { token: 2, accepted: true, next: [leaf(4, true), leaf(3, false)] },
    leaf(1, false),
  ]);
  const totals = totalsAt([{ ...blank, proposed }, blank], 2);
  expect(totals).toEqual({ forwards: 2, rows: 2, tokens: 0, drafted: 4, accepted: 2, seconds: 1 });
});

it('a recording takes steps and their texts, and says whether there is something new to see', () => {
  const recording = newRecording({ model: 'm', prompt: 'p', method: 'greedy' } as never);
  expect(record(recording, { type: 'step', step: blank, texts: [[7, 'seven']] })).toBe(true);
  expect(recording.steps).toEqual([blank]);
  expect(recording.texts).toEqual({ 7: 'seven' });
});
