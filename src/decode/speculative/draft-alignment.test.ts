/** Draft models: the answer against greedy and sampling whatever the draft says, and that drafts pay. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { greedy } from '../baseline/greedy.ts';
import { sample } from '../baseline/sample.ts';
import type { NextLogits } from '../testing/cached-context.ts';
import { decodeTokens } from '../testing/decode-tokens.ts';
import { markovModel } from '../testing/markov.ts';
import { draftAlignment } from './draft-alignment.ts';

const vocabulary = 6;

/** A language near another: mixed with one of its own. */
function near(language: NextLogits, seed: number, distance: number): NextLogits {
  const other = markovModel(seed + 1000, vocabulary, 4);
  return (context) => {
    const [a, b] = [language(context), other(context)];
    return a.map((logit, id) => (1 - distance) * logit + distance * b[id]);
  };
}

const settings = fc.record({
  seed: fc.integer({ min: 0, max: 999 }),
  prompt: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 }),
  maxTokens: fc.integer({ min: 1, max: 40 }),
  contextLength: fc.integer({ min: 12, max: 60 }),
  stop: fc.constantFrom([], ['ab'], ['f', 'cde']),
  eosIds: fc.constantFrom([], [5]),
  draftContext: fc.constantFrom(undefined, 20),
});
const shapes = fc.record({
  draftTokens: fc.integer({ min: 1, max: 7 }),
  width: fc.integer({ min: 1, max: 4 }),
  length: fc.constantFrom('adaptive', 'fixed'),
});

describe('a draft model over a model of plain TypeScript', () => {
  it('matching: writes and caches what plain decoding does, whatever the draft, its shape and the limits', async () => {
    await fc.assert(
      fc.asyncProperty(
        settings,
        shapes,
        fc.constantFrom(0, 0.7),
        fc.constantFrom(0, 0.3, 1),
        async ({ seed, ...limits }, methodOptions, temperature, distance) => {
          const model = markovModel(seed, vocabulary, 4);
          const sampling = { temperature, seed };
          const plain = await decodeTokens(temperature > 0 ? sample : greedy, model, { ...limits, sampling });
          const draft = near(model, seed, distance);
          const options = { ...limits, sampling, draft, methodOptions };
          const { run, steps } = await decodeTokens(draftAlignment, model, options);
          expect(run.generated).toEqual(plain.run.generated);
          expect(run.finish).toBe(plain.run.finish);
          expect(steps.map(({ text }) => text).join('')).toBe(plain.steps.map(({ text }) => text).join(''));
          for (const { proposed } of steps)
            expect(proposed.length).toBeLessThanOrEqual(methodOptions.draftTokens * methodOptions.width);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('resampling and typical acceptance are greedy at temperature 0', async () => {
    await fc.assert(
      fc.asyncProperty(
        settings,
        shapes,
        fc.constantFrom('resample', 'typical'),
        async ({ seed, ...limits }, shape, accept) => {
          const model = markovModel(seed, vocabulary, 4);
          const plain = await decodeTokens(greedy, model, limits);
          const options = { ...limits, draft: near(model, seed, 0.3), methodOptions: { ...shape, accept } };
          const { run } = await decodeTokens(draftAlignment, model, options);
          expect(run.generated).toEqual(plain.run.generated);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('accepts everything when the draft is the model, in whatever way', async () => {
    const model = markovModel(3, vocabulary, 1);
    for (const accept of ['match', 'resample']) {
      for (const temperature of [0, 1]) {
        const methodOptions = { draftTokens: 4, length: 'fixed', accept };
        const options = {
          prompt: [0],
          maxTokens: 100,
          draft: model,
          methodOptions,
          sampling: { temperature },
        };
        const { run } = await decodeTokens(draftAlignment, model, options);
        expect(run.statistics.forwards).toBe(20);
        expect(run.statistics.draftForwards).toBe(80);
        expect(run.statistics.accepted).toBe(80);
        // Each token of the text once, and none behind the last draft.
        expect(run.statistics.draftRows).toBe(99);
      }
    }
  });

  it('accepts more with more alternatives for a place', async () => {
    const model = markovModel(3, vocabulary, 1);
    const draft = near(model, 3, 0.5);
    for (const accept of ['match', 'resample']) {
      for (const temperature of [0, 1]) {
        const forwards: number[] = [];
        for (const width of [1, 2, 4]) {
          const methodOptions = { draftTokens: 4, width, length: 'fixed', accept };
          const options = { prompt: [0], maxTokens: 240, draft, methodOptions, sampling: { temperature } };
          forwards.push((await decodeTokens(draftAlignment, model, options)).run.statistics.forwards);
        }
        expect(forwards).toEqual(forwards.toSorted((a, b) => b - a));
        expect(forwards[2]).toBeLessThan(forwards[0]);
      }
    }
  });

  it('drafts longer where drafts are right', async () => {
    const model = markovModel(3, vocabulary, 1);
    const lengths: number[] = [];
    for (const distance of [0, 0.4, 1]) {
      const methodOptions = { draftTokens: 12 };
      const options = { prompt: [0], maxTokens: 400, draft: near(model, 3, distance), methodOptions };
      const { run } = await decodeTokens(draftAlignment, model, options);
      lengths.push(run.statistics.drafted / run.statistics.forwards);
    }
    expect(lengths[0]).toBeGreaterThan(lengths[1]);
    expect(lengths[1]).toBeGreaterThan(lengths[2]);
    expect(lengths[0]).toBeGreaterThan(4);
    expect(lengths[2]).toBeLessThan(1);
  });

  it('takes a draft model of a wider or narrower output', async () => {
    const model = markovModel(3, vocabulary, 1);
    for (const size of [vocabulary - 1, vocabulary + 3]) {
      const resized: NextLogits = (context) => {
        const logits = new Float32Array(size).fill(9);
        logits.set(model(context).subarray(0, size));
        return logits;
      };
      for (const temperature of [0, 1]) {
        const sampling = { temperature };
        const plain = await decodeTokens(temperature > 0 ? sample : greedy, model, {
          prompt: [0],
          maxTokens: 60,
          sampling,
        });
        const options = { prompt: [0], maxTokens: 60, sampling, draft: resized };
        const { run } = await decodeTokens(draftAlignment, model, options);
        expect(run.generated).toEqual(plain.run.generated);
        expect(run.statistics.accepted).toBeGreaterThan(10);
      }
    }
  });
});
