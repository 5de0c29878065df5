/** Guesses from the text beside a drafter's own: the answer does not change, and text that repeats itself takes fewer forwards. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { greedy } from '../baseline/greedy.ts';
import { sample } from '../baseline/sample.ts';
import { defineMethod } from '../method.ts';
import type { NextLogits } from '../testing/cached-context.ts';
import { decodeTokens } from '../testing/decode-tokens.ts';
import { markovModel } from '../testing/markov.ts';
import { draftGuesses, type Guesser } from './draft-guesses.ts';
import { declaredRowCost } from './draft-length.ts';
import { speculate } from './drafter.ts';
import { GuessTree } from './guesses.ts';
import { LookedUp } from './looked-up.ts';

const vocabulary = 20;

/** Guesses that the next tokens are higher by one: right while a text counts. It says that it is right half the time. */
const counter = (asked: () => void): Guesser => ({
  guess: async (run, room) => {
    asked();
    const last = run.tokens().at(-1)!;
    const tree = new GuessTree();
    for (let level = 0; level < Math.min(2, room); level++)
      tree.add(level - 1, (last + 1 + level) % vocabulary, 0.5);
    return tree;
  },
});

const costs = { draft: 0.1, rows: declaredRowCost({ cheapRows: true }) };
const methodOf = (lookup: boolean, asked = () => {}) =>
  defineMethod({
    slug: 'counter',
    title: 'Counter',
    family: 'speculative',
    summary: 'Guesses that the text counts.',
    options: z.strictObject({}),
    needs: ['causal'],
    sampling: 'any',
    guarantee: 'lossless',
    phases: () => {
      const choice = { nodes: 16, costs, lookup: lookup ? new LookedUp() : undefined };
      return speculate(draftGuesses(counter(asked), choice));
    },
  });

const alone = methodOf(false);
const both = methodOf(true);

/** Goes through the numbers in steps of 3: a counter is always wrong. */
const striding: NextLogits = (context) => {
  const logits = new Float32Array(vocabulary);
  logits[(context[context.length - 1] + 3) % vocabulary] = 10;
  return logits;
};

const counting: NextLogits = (context) => {
  const logits = new Float32Array(vocabulary);
  logits[(context[context.length - 1] + 1) % vocabulary] = 10;
  return logits;
};

describe('guesses from the text beside a drafter', () => {
  it('change no token, at any temperature', async () => {
    const settings = fc.record({
      seed: fc.integer({ min: 0, max: 999 }),
      prompt: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 }),
      maxTokens: fc.integer({ min: 1, max: 40 }),
      eosIds: fc.constantFrom([], [5]),
      temperature: fc.constantFrom(0, 0.7),
    });
    await fc.assert(
      fc.asyncProperty(settings, async ({ seed, temperature, ...limits }) => {
        const model = markovModel(seed, vocabulary, 4);
        const sampling = { temperature, seed };
        const plain = await decodeTokens(temperature > 0 ? sample : greedy, model, { ...limits, sampling });
        const { run, steps } = await decodeTokens(both, model, { ...limits, sampling });
        expect(run.generated).toEqual(plain.run.generated);
        expect(run.finish).toBe(plain.run.finish);
        for (const { proposed } of steps) {
          const siblings = proposed.map(({ token, parent }) => `${parent} ${token}`);
          expect(new Set(siblings).size).toBe(siblings.length);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('take over where the guesser is wrong, which is not asked where the text is clear', async () => {
    const options = { prompt: [0], maxTokens: 200 };
    const without = await decodeTokens(alone, striding, options);
    let asked = 0;
    const watched = methodOf(true, () => asked++);
    const { run, steps } = await decodeTokens(watched, striding, options);
    expect(without.run.statistics.forwards).toBe(200);
    expect(run.statistics.forwards).toBeLessThan(60);
    expect(asked).toBeLessThan(30);
    expect(Math.max(...steps.map(({ proposed }) => proposed.length))).toBe(15);
  });

  it('add no row for what the guesser has guessed, and soon none where they are wrong', async () => {
    const right = await decodeTokens(both, counting, { prompt: [0, 1, 2, 0], maxTokens: 3 });
    expect(right.steps.map(({ proposed }) => proposed.length)).toEqual([2]);
    // What followed a token is never what follows it now.
    const contrary: NextLogits = (context) => {
      const logits = new Float32Array(vocabulary);
      logits[(context[context.length - 1] + context.length + 1) % vocabulary] = 10;
      return logits;
    };
    const { steps } = await decodeTokens(both, contrary, { prompt: [0, 1, 2], maxTokens: 60 });
    const lookedUp = steps.slice(30, -2).filter(({ proposed }) => proposed.length > 2);
    expect(lookedUp.length).toBeLessThan(3);
  });
});
