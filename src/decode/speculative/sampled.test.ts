/**
 * Sampled answers of drafters on house-causal against its exact probabilities. Each draw is a request of one batch, with a
 * seed of its own, so that they share forwards. Drafts of a draft model are in pair.test.ts.
 */

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { findTask, testProblems } from '../../tasks/index.ts';
import { decodeBatch } from '../batch/batchllm.ts';
import { chiSquareTest } from '../sampling/chi-square.ts';
import { countsOf, exactBeginnings, skewed } from '../testing/exact-beginnings.ts';

const house = (name: string) => fileURLToPath(new URL(`../../../models/${name}`, import.meta.url));
const draws = 300;
// Hot enough that the model is not sure of any token.
const sampling = { temperature: 2, topK: 4 };

let model: LanguageModel;
let prompt: number[];
let exact: Map<string, number>;
beforeAll(async () => {
  model = await load(house('house-causal'), { threads: 1 });
  // A solved problem, and the problem once more: there is something to look up.
  const { prompt: asked, answer } = testProblems(findTask('json'), { seed: 11, level: 1 }).at(0);
  prompt = [...model.tokenizer.encode(`${asked}\n${answer}\n${asked}\n`)];
  exact = await exactBeginnings(model, prompt, sampling);
});
afterAll(() => model[Symbol.asyncDispose]());

/** Answers of three tokens, and how many of them were drafted. */
async function drawn(method: string, methodOptions: Record<string, unknown>) {
  const requests = Array.from({ length: draws }, (_, seed) => ({
    prompt: { tokens: prompt },
    options: { ...sampling, method, methodOptions, seed, maxTokens: 3, ignoreEos: true },
  }));
  const answers: (readonly number[])[] = [];
  let accepted = 0;
  for await (const outcome of decodeBatch(model, requests, { maxSlots: 512 })) {
    if ('error' in outcome) throw outcome.error;
    answers.push(outcome.result.tokens);
    accepted += outcome.result.statistics.accepted;
  }
  return { answers, accepted };
}

describe('drafters on house-causal', () => {
  it.each([
    { method: 'sample', methodOptions: {} },
    { method: 'prompt-lookup', methodOptions: {} },
    { method: 'medusa', methodOptions: { heads: house('house-medusa'), size: 'fixed', nodes: 8 } },
    { method: 'clover', methodOptions: { heads: house('house-clover'), size: 'fixed', nodes: 8 } },
  ])('$method draws answers as often as they are probable', async ({ method, methodOptions }) => {
    const { answers, accepted } = await drawn(method, methodOptions);
    const { counts, probabilities } = countsOf(exact, answers);
    expect(chiSquareTest(counts, probabilities).p).toBeGreaterThan(0.001);
    expect(chiSquareTest(counts, skewed(probabilities)).p).toBeLessThan(0.001);
    if (method !== 'sample') expect(accepted).toBeGreaterThan(draws / 2);
  });
});
