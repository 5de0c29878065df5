/** Semi-autoregressive masks: which positions are masked, asked about and seen. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EncodedProblem } from '../tasks/encode.ts';
import { activeSegment, type SegmentOptions, segmentBatch } from './segments.ts';

const [eos, mask] = [0, 1];
const content = fc.integer({ min: 10, max: 99 });
const example: fc.Arbitrary<EncodedProblem> = fc
  .tuple(
    fc.array(content, { minLength: 1, maxLength: 6 }),
    fc.array(content, { minLength: 1, maxLength: 20 }),
  )
  .map(([prompt, answer]) => ({
    tokens: Int32Array.from([...prompt, ...answer]),
    answerStart: prompt.length,
  }));
const examples = fc.array(example, { minLength: 1, maxLength: 5 });

const options = (more: Partial<SegmentOptions> = {}): SegmentOptions => ({
  ...{ pad: eos, mask, blockLength: 6, shift: false, seed: 1, step: 1, first: 0, normalizer: 5 },
  ...more,
});

/** Rows of one input of a batch. */
function rowsOf(batch: ReturnType<typeof segmentBatch>, name: string): number[][] {
  const data = [...(batch[name].data as Float32Array)];
  const [count] = batch.ids.shape;
  return Array.from({ length: count }, (_, n) =>
    data.slice((n * data.length) / count, ((n + 1) * data.length) / count),
  );
}

describe('activeSegment', () => {
  it('is each block of the answer equally often, the last one as long as what is left', () => {
    for (let length = 1; length <= 40; length++) {
      const blocks = Math.ceil(length / 7);
      const all = Array.from({ length: blocks }, (_, n) => activeSegment(length, 7, (n + 0.5) / blocks));
      expect(all.map(({ start }) => start)).toEqual(all.map((_, n) => 7 * n));
      expect(all.map(({ end }) => end)).toEqual(all.map((_, n) => Math.min(7 * (n + 1), length)));
    }
  });
});

describe('segmentBatch', () => {
  const choice = fc.record({
    step: fc.integer({ min: 1, max: 1000 }),
    seed: fc.nat(1000),
    first: fc.nat(10),
    blockLength: fc.integer({ min: 1, max: 9 }),
    shift: fc.boolean(),
  });

  it('has two views that part the segment between them, after a clean context and before masks', () => {
    fc.assert(
      fc.property(examples, choice, (all, more) => {
        const batch = segmentBatch(all, options(more));
        const rows = Math.max(...all.map(({ tokens }) => tokens.length));
        expect(batch.ids.shape).toEqual([2 * all.length, rows]);
        const [ids, weights, targets] = ['ids', 'weights', 'targets'].map((name) => rowsOf(batch, name));
        const bias = rowsOf(batch, 'bias');
        const before = more.shift ? 1 : 0;
        for (const [n, { tokens, answerStart }] of all.entries()) {
          const asked = [0, 1].map((view) =>
            [...tokens.keys()].filter((position) => weights[2 * n + view][position - before] > 0),
          );
          const segment = asked.flat().sort((a, b) => a - b);
          // A partition: no position twice, none between missing, a whole block or what is left of the answer.
          expect(segment).toEqual(segment.map((_, i) => segment[0] + i));
          expect((segment[0] - answerStart) % more.blockLength).toBe(0);
          expect(segment.length).toBe(Math.min(more.blockLength, tokens.length - segment[0]));
          const end = segment[0] + segment.length;
          for (const view of [0, 1]) {
            const row = 2 * n + view;
            for (let position = 0; position < rows; position++) {
              const isInput = position < tokens.length;
              const isMasked = asked[view].includes(position) || (position >= end && isInput);
              expect(ids[row][position]).toBe(isMasked ? mask : isInput ? tokens[position] : eos);
              expect(bias[row][position] === 0).toBe(isInput);
            }
            for (const position of asked[view]) {
              expect(targets[row][position - before]).toBe(tokens[position]);
              expect(weights[row][position - before]).toBe(Math.fround(1 / (asked[view].length * 5)));
            }
            expect(weights[row].filter((weight) => weight > 0)).toHaveLength(asked[view].length);
          }
        }
      }),
    );
  });

  it('masks about half of the segment, at any place', () => {
    const one = { tokens: Int32Array.from({ length: 20 }, (_, i) => 10 + i), answerStart: 4 };
    const counts = new Float64Array(20);
    const runs = 2000;
    for (let step = 1; step <= runs; step++) {
      const weights = rowsOf(segmentBatch([one], options({ step, blockLength: 16 })), 'weights')[0];
      weights.forEach((weight, position) => {
        if (weight > 0) counts[position]++;
      });
    }
    expect([...counts.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
    // Five standard errors of a fair coin.
    for (const count of counts.subarray(4))
      expect(Math.abs(count / runs - 0.5005)).toBeLessThan(2.5 / Math.sqrt(runs));
  });

  it('masks an example by its number in the step, whatever batch it is in', () => {
    fc.assert(
      fc.property(fc.array(content, { minLength: 24, maxLength: 24 }), fc.nat(50), (words, first) => {
        const all = [0, 1, 2].map((n) => ({
          tokens: Int32Array.from(words.slice(8 * n, 8 * n + 8)),
          answerStart: 2,
        }));
        const whole = segmentBatch(all, options({ first }));
        const parts = [all.slice(0, 1), all.slice(1)].map((part, i) =>
          segmentBatch(part, options({ first: first + i })),
        );
        for (const name of ['ids', 'targets', 'weights'])
          expect(parts.flatMap((part) => rowsOf(part, name))).toEqual(rowsOf(whole, name));
      }),
      { numRuns: 30 },
    );
  });

  it('has the first view alone without the complement', () => {
    fc.assert(
      fc.property(examples, choice, (all, more) => {
        const [both, one] = [true, false].map((complement) =>
          segmentBatch(all, options({ ...more, complement })),
        );
        for (const name of ['ids', 'weights', 'targets', 'bias', 'share'])
          expect(rowsOf(one, name)).toEqual(rowsOf(both, name).filter((_, n) => n % 2 === 0));
      }),
      { numRuns: 30 },
    );
  });
});
