/** Prompt lookup: the answer against greedy and sampling, and that it pays. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { greedy } from '../baseline/greedy.ts';
import { sample } from '../baseline/sample.ts';
import { generate } from '../generate.ts';
import type { Step } from '../step.ts';
import type { NextLogits } from '../testing/cached-context.ts';
import { decodeTokens } from '../testing/decode-tokens.ts';
import { markovModel } from '../testing/markov.ts';
import { loadStories } from '../testing/models.ts';
import { promptLookup } from './prompt-lookup.ts';

const occurrences = fc
  .record({
    a: fc.integer({ min: 1, max: 4 }),
    b: fc.integer({ min: 1, max: 4 }),
    branches: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ a, b, branches }) => ({ ngramMax: Math.max(a, b), ngramMin: Math.min(a, b), branches }));

/** Counts to 19 and begins again: after a while every draft is right. */
const counting: NextLogits = (context) => {
  const logits = new Float32Array(20);
  logits[(context[context.length - 1] + 1) % 20] = 10;
  return logits;
};

describe('prompt lookup over a model of plain TypeScript', () => {
  it('writes and caches what plain decoding does, whatever its options and limits', async () => {
    const settings = fc.record({
      seed: fc.integer({ min: 0, max: 999 }),
      prompt: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 }),
      maxTokens: fc.integer({ min: 1, max: 40 }),
      contextLength: fc.integer({ min: 12, max: 60 }),
      stop: fc.constantFrom([], ['ab'], ['f', 'cde']),
      eosIds: fc.constantFrom([], [5]),
      temperature: fc.constantFrom(0, 0.7),
      draftTokens: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(
        settings,
        occurrences,
        async ({ seed, temperature, draftTokens, ...limits }, options) => {
          const model = markovModel(seed, 6, 4);
          const sampling = { temperature, seed };
          const plain = await decodeTokens(temperature > 0 ? sample : greedy, model, { ...limits, sampling });
          const { run, steps } = await decodeTokens(promptLookup, model, {
            ...limits,
            sampling,
            methodOptions: { ...options, draftTokens },
          });
          expect(run.generated).toEqual(plain.run.generated);
          expect(run.finish).toBe(plain.run.finish);
          expect(steps.map(({ text }) => text).join('')).toBe(plain.steps.map(({ text }) => text).join(''));
          const room = Math.min(limits.maxTokens, limits.contextLength - limits.prompt.length);
          let committed = 0;
          for (const step of steps) {
            expect(step.proposed.length).toBeLessThanOrEqual(
              Math.max(0, Math.min(draftTokens, room - committed - 1)),
            );
            committed += step.committed.length;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes ever fewer forwards for text that repeats itself', async () => {
    const { run, steps } = await decodeTokens(promptLookup, counting, { prompt: [0], maxTokens: 200 });
    expect(run.generated).toEqual(Array.from({ length: 200 }, (_, i) => (i + 1) % 20));
    expect(run.statistics.forwards).toBeLessThan(45);
    // Drafts grow up to the limit.
    expect(Math.max(...steps.map(({ proposed }) => proposed.length))).toBe(15);
  });

  it('drafts ever less when drafts are wrong', async () => {
    // What follows a token is never what followed it before.
    const contrary: NextLogits = (context) => {
      const logits = new Float32Array(6);
      const before = context.lastIndexOf(context.at(-1)!, -2);
      if (before >= 0) logits[context[before + 1]] = -10;
      return logits;
    };
    const { steps } = await decodeTokens(promptLookup, contrary, {
      prompt: [0, 1, 2],
      maxTokens: 40,
      methodOptions: { ngramMax: 1 },
    });
    for (const { proposed, committed } of steps) {
      expect(proposed.length).toBeLessThanOrEqual(1);
      expect(committed).toHaveLength(1);
    }
    expect(steps.slice(20).every(({ proposed }) => proposed.length === 0)).toBe(true);
  });

  it('ends inside an accepted draft when a stop string does', async () => {
    const { run, steps } = await decodeTokens(promptLookup, counting, {
      prompt: [0],
      maxTokens: 200,
      // Three times round: drafts are long by then.
      stop: ['abcdefghijklmnopqrst'.repeat(3)],
    });
    expect(run.finish).toBe('stop');
    expect(run.generated).toHaveLength(79);
    expect(steps.map(({ text }) => text).join('')).toBe('bcdefghijklmnopqrst');
    const last = steps.at(-1)!;
    expect(last.proposed.length).toBeGreaterThan(last.committed.length);
    expect(last.proposed.filter(({ accepted }) => accepted)).toHaveLength(last.committed.length);
  });
});

describe('prompt lookup on stories260k', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadStories('w8a8');
  });
  afterAll(() => model[Symbol.asyncDispose]());

  const prompt = 'The cat sat on the mat. The dog sat on the mat. '.repeat(4);

  it('takes fewer forwards than tokens where the text repeats itself', async () => {
    const options = { method: promptLookup, maxTokens: 80, ignoreEos: true };
    const { tokens, forwards, statistics } = await generate(model, prompt, options).result;
    expect(tokens).toHaveLength(80);
    expect(statistics.accepted).toBeGreaterThan(8);
    expect(forwards).toBeLessThan(72);
  });

  it.each([2, 3, 4])(
    'writes the same with %i branches, and accepts some that are not the latest',
    async (branches) => {
      const options = { maxTokens: 120, ignoreEos: true };
      const plain = await generate(model, prompt, { ...options, method: greedy }).result;
      const steps: Step[] = [];
      const tree = generate(model, prompt, {
        ...options,
        method: promptLookup,
        methodOptions: { branches, ngramMin: 1, ngramMax: 2, draftTokens: 12 },
      });
      for await (const step of tree) steps.push(step);
      expect((await tree.result).tokens).toEqual(plain.tokens);
      // A second child of its parent, accepted.
      const second = steps.some(({ proposed }) =>
        proposed.some(
          (node, i) => node.accepted && proposed.slice(0, i).some(({ parent }) => parent === node.parent),
        ),
      );
      expect(second).toBe(true);
    },
  );
});
