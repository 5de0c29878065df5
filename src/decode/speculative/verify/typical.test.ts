/** Typical acceptance: the bar, which path is taken, and that it accepts more than an exact rule. */

import { describe, expect, it } from 'vitest';
import { defineMethod } from '../../method.ts';
import { pointMass, softmax } from '../../sampling/distribution.ts';
import { decodeTokens } from '../../testing/decode-tokens.ts';
import { markovModel } from '../../testing/markov.ts';
import { draftAlignment } from '../draft-alignment.ts';
import { speculate } from '../drafter.ts';
import { typicalBar, typicalDefaults, typicalDraft } from './typical.ts';

describe('the bar', () => {
  it('is ε for a sure model, and δ / n among n equal tokens', () => {
    expect(typicalBar(pointMass(3), typicalDefaults)).toBe(0.09);
    expect(typicalBar(softmax(new Float32Array(10)), typicalDefaults)).toBeCloseTo(0.03, 9);
    expect(typicalBar(softmax(new Float32Array(2)), typicalDefaults)).toBe(0.09);
  });
});

/** Probabilities of tokens 0 to 3 at every place. */
const probabilities = [0.5, 0.3, 0.15, 0.05];
const language = () => Float32Array.from(probabilities, Math.log);

/** Drafts one tree, again and again. */
const drafting = (tokens: number[], parents: number[], epsilon = 0.09, delta = 0.3) =>
  defineMethod({
    ...draftAlignment,
    draft: false,
    phases: () => speculate({ draft: () => ({ tokens, parents }) }, typicalDraft({ epsilon, delta })),
  });
const options = { prompt: [0], maxTokens: 9, sampling: { temperature: 1 }, methodOptions: {} };

describe('the path', () => {
  const accepted = async (...drafts: Parameters<typeof drafting>) => {
    const { steps } = await decodeTokens(drafting(...drafts), language, options);
    return steps[0].proposed.flatMap(({ accepted: right }, node) => (right ? [node] : []));
  };

  it('is the longest typical one', async () => {
    // Entropy 1.14: the bar is 0.09, and token 3 is below it.
    expect(await accepted([3, 0, 1, 3, 2], [-1, -1, 1, 2, 2])).toEqual([1, 2, 4]);
  });

  it('is the most probable one of equally long ones, the first of equally probable ones', async () => {
    expect(await accepted([2, 1, 0, 1], [-1, -1, 0, 1])).toEqual([1, 3]);
    expect(await accepted([1, 0, 0, 1], [-1, -1, 0, 1])).toEqual([0, 2]);
  });

  it('does not go on behind a token that is not typical', async () => {
    expect(await accepted([3, 0], [-1, 0])).toEqual([]);
  });

  it('is empty under a bar of 1', async () => {
    expect(await accepted([0, 0], [-1, 0], 1, Infinity)).toEqual([]);
  });
});

it('accepts more than an exact rule does', async () => {
  const model = markovModel(3, 6, 1);
  const draft = markovModel(4, 6, 1);
  const forwards: number[] = [];
  for (const accept of ['typical', 'resample']) {
    const methodOptions = { draftTokens: 4, length: 'fixed', accept };
    const { run } = await decodeTokens(draftAlignment, model, {
      prompt: [0],
      maxTokens: 300,
      sampling: { temperature: 1 },
      draft,
      methodOptions,
    });
    forwards.push(run.statistics.forwards);
  }
  expect(forwards[0]).toBeLessThan(forwards[1]);
});
