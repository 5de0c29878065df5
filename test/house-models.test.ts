/** The checked-in house models still solve unseen problems; proofs/house/models.ts asks 500 of each level. */

import { describe, expect, it } from 'vitest';
import { load } from '../src/models/load.ts';
import { evaluate, findTask, testProblems } from '../src/tasks/index.ts';

/** Far enough below what the proof measured for 40 problems to be lucky or not. */
const least: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'house-causal': { 'word-problems': 0.8, countdown: 0.35, sudoku: 0.9, json: 0.9, sorting: 0.9 },
  'house-diffusion': { 'word-problems': 0.75, countdown: 0.3, sudoku: 0.9, json: 0.9, sorting: 0.9 },
};
const canvas = 32;

describe.each(Object.entries(least))('%s', (id, accuracies) => {
  it.each(Object.entries(accuracies))('solves %s', async (slug, accuracy) => {
    await using model = await load(id);
    const result = await evaluate(model, testProblems(findTask(slug), { seed: 11 }), {
      samples: 40,
      batch: 20,
      maxTokens: canvas,
    });
    expect(result.accuracy).toBeGreaterThanOrEqual(accuracy);
  });
});
