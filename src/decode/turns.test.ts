/** Who shares a forward: prompts that come together, within the budget and without much padding; nobody is forgotten. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScoreLane } from '../models/forward.ts';
import { greedy } from './baseline/greedy.ts';
import { type Decoder, RunningSet, type RunningSetOptions } from './loop.ts';
import { cachedContextModel } from './testing/cached-context.ts';
import { decodeTokens, newRun } from './testing/decode-tokens.ts';
import { markovModel } from './testing/markov.ts';

const vocabulary = 8;
const logitsOf = markovModel(1, vocabulary);

/** A decoder for each prompt, in lanes of their own; and the rows of the lanes of every forward. */
function lanesFor(lengths: readonly number[], options: RunningSetOptions, maxTokens = 3) {
  const model = cachedContextModel(logitsOf);
  const forwards: number[][] = [];
  const forwardLanes = (lanes: readonly ScoreLane[]) => {
    forwards.push(lanes.map(({ groups }) => groups.reduce((sum, { tokens }) => sum + tokens.length, 0)));
    return model.forwardLanes(lanes);
  };
  const set = new RunningSet({ forwardLanes }, model.batch, options);
  const open = (request: number): Decoder => {
    const prompt = Array.from({ length: lengths[request] }, (_, i) => (i * i + request) % vocabulary);
    return { run: newRun(model.batch.open(), { prompt, maxTokens, request }), phases: {} };
  };
  const step = async () => {
    for await (const _ of set.step());
  };
  return { model, set, forwards, open, step };
}

describe('prompts of runs with a lane each', () => {
  it.each([
    { what: 'are read together', lengths: [5, 4, 5], reads: [[5, 4, 5]] },
    { what: 'as far as the budget goes', lengths: [8, 8, 8], reads: [[8, 8], [8]] },
    {
      what: 'beside those of about their length',
      lengths: [2, 8, 2, 7, 2],
      reads: [
        [2, 2, 2],
        [8, 7],
      ],
    },
    { what: 'alone where they have several chunks', lengths: [20, 3, 3], reads: [[16], [4], [3, 3]] },
  ])('$what: $lengths', async ({ lengths, reads }) => {
    const { set, forwards, open, step } = lanesFor(lengths, { budget: 16 });
    for (const request of lengths.keys()) set.add(open(request));
    while (set.size > 0) await step();
    expect(forwards.slice(0, reads.length)).toEqual(reads);
    // Then all decode.
    expect(forwards[reads.length]).toEqual(lengths.map(() => 1));
  });

  it('leave others three turns between two forwards, where that is asked for', async () => {
    const lengths = [1, 20, 8];
    for (const takeTurns of [true, false]) {
      const { set, forwards, open, step } = lanesFor(lengths, { budget: 8, takeTurns }, 9);
      for (const request of lengths.keys()) set.add(open(request));
      while (set.size > 0) await step();
      const between = takeTurns ? [[1], [1], [1]] : [];
      const expected = [[8], ...between, [8], ...between, [4]];
      expect(forwards.slice(0, expected.length)).toEqual(expected);
    }
  });

  it('joins what decodes, whenever it comes, and answers as alone', async () => {
    const budget = 12;
    const arrivals = fc.array(fc.record({ length: fc.integer({ min: 1, max: 30 }), wait: fc.nat(2) }), {
      minLength: 1,
      maxLength: 10,
    });
    await fc.assert(
      fc.asyncProperty(arrivals, fc.boolean(), async (requests, takeTurns) => {
        const { model, set, forwards, open, step } = lanesFor(
          requests.map(({ length }) => length),
          { budget, takeTurns },
        );
        const runs = [];
        for (const [request, { wait }] of requests.entries()) {
          for (let turn = 0; turn < wait && set.size > 0; turn++) await step();
          const decoder = open(request);
          runs.push(decoder.run);
          set.add(decoder);
        }
        while (set.size > 0) await step();
        expect(model.batch.used).toBe(0);
        for (const lanes of forwards.filter((rows) => rows.some((count) => count > 1))) {
          const padded = lanes.length * Math.max(...lanes);
          expect(padded).toBeLessThanOrEqual(budget);
          expect(lanes.reduce((sum, rows) => sum + rows)).toBeGreaterThanOrEqual(0.75 * padded);
        }
        for (const { prompt, generated } of runs) {
          const alone = await decodeTokens(greedy, logitsOf, { prompt, maxTokens: 3 });
          expect(generated).toEqual(alone.run.generated);
        }
      }),
      { numRuns: 100 },
    );
  });
});
