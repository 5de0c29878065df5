/** A trained model without a mask token, decoded by the loop from a canvas of random tokens. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { evaluate, evaluationPrompt, findTask, testProblems } from '../../tasks/index.ts';
import { type GenerateOptions, generate, generateBatch } from '../generate.ts';
import type { Step } from '../step.ts';

let model: LanguageModel;
beforeAll(async () => {
  model = await load('house-noise', { threads: 1 });
});
afterAll(() => model[Symbol.asyncDispose]());

const canvas = 24;
const entropyBound = { order: 'entropy', entropyBound: 0.1 };
const sudoku = testProblems(findTask('sudoku'), { seed: 3, level: 1 });
const samples = 40;

const solve = (options: GenerateOptions) =>
  evaluate(model, sudoku, { samples, batch: samples, maxTokens: canvas, ...options });

async function stepsOf(options: GenerateOptions): Promise<Step[]> {
  const prompt = evaluationPrompt(model, [], sudoku.at(0));
  const steps: Step[] = [];
  for await (const step of generate(model, prompt, { maxTokens: canvas, ...options })) steps.push(step);
  return steps;
}

describe('house-noise', () => {
  it('has a canvas and no mask token', () => {
    expect([...model.capabilities].sort()).toEqual([
      'bidirectional',
      'canvas',
      'embeddings-in',
      'hidden-states',
    ]);
    expect(model.config).toMatchObject({ corruption: 'uniform', causalPrompt: true, maskTokenId: undefined });
    expect(() => generate(model, 'x', { method: 'learn2pd' })).toThrow(/needs mask-token/);
  });

  it.each<[number, number, GenerateOptions]>([
    [0.9, canvas + 1, {}],
    [0.8, 6, { methodOptions: entropyBound }],
    [0.8, 8, { method: 'renoise' }],
    [0.8, 12, { method: 'freedave', methodOptions: { threshold: 0.9 } }],
  ])(
    'solves a share of %d of unseen problems in %d forwards at most: %j',
    async (share, forwards, options) => {
      const result = await solve(options);
      expect(result.accuracy).toBeGreaterThanOrEqual(share);
      expect(result.forwards / samples).toBeLessThanOrEqual(forwards);
    },
  );

  it('reads the prompt once, then runs nothing but the canvas', async () => {
    const [first, ...others] = await stepsOf({});
    expect(first).toMatchObject({ kind: 'prefill', committed: [] });
    for (const { rows } of others) expect(rows).toBe(canvas);
  });

  it('never changes what is committed, and answers the same for the same seed', async () => {
    for (const options of [
      { methodOptions: entropyBound },
      { method: 'renoise', methodOptions: { maxSteps: 12 } },
    ]) {
      for (const temperature of [0, 1]) {
        const steps = await stepsOf({ ...options, temperature, seed: 5 });
        for (const [i, { canvas: now }] of steps.entries()) {
          const earlier = steps[i - 1]?.canvas ?? [];
          expect(earlier.every((token, position) => token < 0 || now![position] === token)).toBe(true);
        }
        const again = await stepsOf({ ...options, temperature, seed: 5 });
        const told = (all: Step[]) => all.map(({ committed, rows, text }) => ({ committed, rows, text }));
        expect(told(again)).toEqual(told(steps));
      }
    }
  });

  it('is shown other noise by another seed, also at temperature 0', async () => {
    const probabilities = async (seed: number) =>
      (await stepsOf({ seed })).flatMap(({ committed }) => committed.map(({ probability }) => probability));
    expect(await probabilities(1)).not.toEqual(await probabilities(2));
  });

  it('answers in a batch what it answers alone', async () => {
    const prompts = [0, 1, 2].map((i) => evaluationPrompt(model, [], sudoku.at(i)));
    const options = { maxTokens: canvas, methodOptions: entropyBound };
    const together = await generateBatch(model, prompts, options).result;
    for (const [i, { tokens }] of together.entries())
      expect((await generate(model, prompts[i], options).result).tokens).toEqual(tokens);
  });
});
