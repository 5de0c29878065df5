import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EncodedProblem } from '../tasks/encode.ts';
import {
  byLength,
  causalBatch,
  type MaskingOptions,
  maskedBatch,
  type NoiseOptions,
  noisedBatch,
} from './sequences.ts';

const [eos, mask, answerMark] = [0, 1, 2];
const content = fc.integer({ min: 10, max: 99 });

/** A prompt and an answer as the encoder of problems writes them. */
const example: fc.Arbitrary<EncodedProblem> = fc
  .tuple(fc.array(content, { minLength: 1, maxLength: 9 }), fc.array(content, { maxLength: 9 }))
  .map(([prompt, answer]) => ({
    tokens: Int32Array.from([...prompt, answerMark, ...answer, eos]),
    answerStart: prompt.length + 1,
  }));
const examples = fc.array(example, { minLength: 1, maxLength: 6 });

const tokens = (of: readonly EncodedProblem[]) => of.reduce((sum, { tokens }) => sum + tokens.length, 0);
const longest = (of: readonly EncodedProblem[]) => Math.max(...of.map(({ tokens }) => tokens.length));
const numbers = (batch: ReturnType<typeof causalBatch>, name: string) => batch[name].data as Float32Array;

describe('byLength', () => {
  it('cuts all examples, by length, into parts of about as many tokens', () => {
    fc.assert(
      fc.property(examples, fc.integer({ min: 1, max: 8 }), (all, parts) => {
        const cut = byLength(all, parts);
        expect(cut.length).toBeLessThanOrEqual(parts);
        expect(new Set(cut.flat())).toEqual(new Set(all));
        expect(cut.flat()).toHaveLength(all.length);
        const lengths = cut.flat().map(({ tokens }) => tokens.length);
        expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
        for (const part of cut) {
          expect(part.length).toBeGreaterThan(0);
          expect(tokens(part)).toBeLessThan(tokens(all) / parts + longest(all));
        }
      }),
    );
  });

  it('does not depend on the order of equal lengths beyond keeping it', () => {
    const same = [1, 2, 3, 4].map((id) => ({ tokens: Int32Array.of(id, answerMark, eos), answerStart: 2 }));
    expect(byLength(same, 2)).toEqual([same.slice(0, 2), same.slice(2)]);
  });
});

describe('causalBatch', () => {
  it('predicts each answer token from those before it, and nothing else', () => {
    fc.assert(
      fc.property(examples, fc.integer({ min: 1, max: 500 }), (all, normalizer) => {
        const batch = causalBatch(all, eos, normalizer);
        const rows = longest(all) - 1;
        expect(batch.ids.shape).toEqual([all.length, rows]);
        for (const [n, { tokens, answerStart }] of all.entries()) {
          for (let row = 0; row < rows; row++) {
            const at = n * rows + row;
            const isAnswer = row + 1 >= answerStart && row + 1 < tokens.length;
            expect(numbers(batch, 'weights')[at]).toBe(isAnswer ? Math.fround(1 / normalizer) : 0);
            expect(numbers(batch, 'ids')[at]).toBe(row < tokens.length - 1 ? tokens[row] : eos);
            if (isAnswer) expect(numbers(batch, 'targets')[at]).toBe(tokens[row + 1]);
            expect(numbers(batch, 'positions')[at]).toBe(row);
          }
        }
        const bias = numbers(batch, 'bias');
        for (let row = 0; row < rows; row++)
          for (let seen = 0; seen < rows; seen++) expect(bias[row * rows + seen] === 0).toBe(seen <= row);
      }),
      { numRuns: 50 },
    );
  });
});

const masking = (more: Partial<MaskingOptions> = {}): MaskingOptions => ({
  ...{ pad: eos, mask, normalizer: 10, extra: 0, seed: 1, step: 1, first: 0 },
  ...more,
});

describe('maskedBatch', () => {
  it('masks so many positions of the canvas, none of the prompt, and asks for what was there', () => {
    const choice = fc.record({
      extra: fc.nat(8),
      step: fc.integer({ min: 1, max: 1000 }),
      seed: fc.nat(1000),
      first: fc.nat(100),
      normalizer: fc.integer({ min: 1, max: 500 }),
    });
    fc.assert(
      fc.property(examples, choice, (all, more) => {
        const batch = maskedBatch(all, masking(more));
        const rows = longest(all) + more.extra;
        expect(batch.ids.shape).toEqual([all.length, rows]);
        expect(numbers(batch, 'bias').every((value) => value === 0)).toBe(true);
        for (const [n, { tokens, answerStart }] of all.entries()) {
          const ids = numbers(batch, 'ids').subarray(n * rows, (n + 1) * rows);
          const weights = numbers(batch, 'weights').subarray(n * rows, (n + 1) * rows);
          const targets = numbers(batch, 'targets').subarray(n * rows, (n + 1) * rows);
          const clean = Array.from({ length: rows }, (_, row) => tokens[row] ?? eos);
          const masked = [...ids.keys()].filter((row) => ids[row] === mask);
          const canvas = rows - answerStart;
          expect([...targets]).toEqual(clean);
          expect(masked.length).toBeGreaterThan(0);
          expect(masked.length).toBeLessThanOrEqual(canvas);
          for (let row = 0; row < rows; row++) {
            const isMasked = ids[row] === mask;
            if (row < answerStart) expect(isMasked).toBe(false);
            if (!isMasked) expect(ids[row]).toBe(clean[row]);
            const weight = isMasked ? canvas / masked.length / more.normalizer : 0;
            expect(weights[row]).toBe(Math.fround(weight));
          }
        }
      }),
    );
  });

  it('weighs each position of the canvas 1 on average, and masks 1 to all of them equally often', () => {
    const one = { tokens: Int32Array.of(50, answerMark, 51, 52, 53, eos), answerStart: 2 };
    const runs = 4000;
    const canvas = 6;
    const sums = new Float64Array(2 + canvas);
    const counts = new Float64Array(canvas + 1);
    for (let step = 1; step <= runs; step++) {
      const weights = numbers(maskedBatch([one], masking({ step, extra: 2, normalizer: 1 })), 'weights');
      weights.forEach((weight, row) => {
        sums[row] += weight;
      });
      counts[weights.filter((weight) => weight > 0).length]++;
    }
    expect([...sums.subarray(0, 2)]).toEqual([0, 0]);
    // Five standard errors: a weight has variance Σ 1/k - 1 = 1.45.
    for (const sum of sums.subarray(2))
      expect(Math.abs(sum / runs - 1)).toBeLessThan(5 * Math.sqrt(1.45 / runs));
    expect(counts[0]).toBe(0);
    for (const count of counts.subarray(1))
      expect(Math.abs(count / runs - 1 / canvas)).toBeLessThan(5 * Math.sqrt(5 / 36 / runs));
  });

  it('spreads the numbers of masks evenly over the examples of a step', () => {
    const one = {
      tokens: Int32Array.of(50, answerMark, ...new Int32Array(99).fill(51), eos),
      answerStart: 2,
    };
    for (let step = 1; step <= 20; step++) {
      const batch = maskedBatch(Array(20).fill(one), masking({ step }));
      const ids = numbers(batch, 'ids');
      const masked = Array.from(
        { length: 20 },
        (_, n) => ids.subarray(n * 102, (n + 1) * 102).filter((id) => id === mask).length,
      );
      masked.sort((a, b) => a - b);
      // Twenty steps of the golden ratio leave no gap above 0.09 of the circle.
      masked.forEach((count, i) => {
        if (i > 0) expect(count - masked[i - 1]).toBeLessThanOrEqual(10);
      });
    }
  });

  it('masks an example by its number in the step, whatever batch it is in', () => {
    fc.assert(
      fc.property(fc.array(content, { minLength: 12, maxLength: 12 }), fc.nat(50), (words, first) => {
        const all = [0, 1, 2, 3].map((n) => ({
          tokens: Int32Array.of(...words.slice(3 * n, 3 * n + 2), answerMark, words[3 * n + 2], 77, eos),
          answerStart: 3,
        }));
        const whole = maskedBatch(all, masking({ first }));
        const parts = [all.slice(0, 1), all.slice(1)].map((part, i) =>
          maskedBatch(part, masking({ first: first + i })),
        );
        for (const name of ['ids', 'targets', 'weights'])
          expect(parts.flatMap((part) => [...numbers(part, name)])).toEqual([...numbers(whole, name)]);
      }),
    );
  });

  it('asks the row before when shifted, for the same positions', () => {
    const choice = fc.record({ extra: fc.nat(8), step: fc.integer({ min: 1, max: 1000 }) });
    fc.assert(
      fc.property(examples, choice, (all, more) => {
        const plain = maskedBatch(all, masking(more));
        const shifted = maskedBatch(all, masking({ ...more, shift: true }));
        const rows = plain.ids.shape[1];
        expect(shifted.ids).toEqual(plain.ids);
        for (let n = 0; n < all.length; n++) {
          for (const name of ['targets', 'weights']) {
            const [ours, theirs] = [shifted, plain].map((batch) => numbers(batch, name).subarray(n * rows));
            expect(ours.subarray(0, rows - 1)).toEqual(theirs.subarray(1, rows));
          }
          expect(numbers(shifted, 'weights')[(n + 1) * rows - 1]).toBe(0);
        }
      }),
    );
  });

  it('masks the last positions in the share of rows that is told to, as many as else', () => {
    const one = { tokens: Int32Array.of(50, answerMark, ...Array(29).fill(51), eos), answerStart: 2 };
    const isSuffix = (ids: Float32Array) => !ids.subarray(ids.indexOf(mask)).some((id) => id !== mask);
    const rows = (suffixShare: number) => {
      const ids = numbers(maskedBatch(Array(400).fill(one), masking({ suffixShare })), 'ids');
      return Array.from({ length: 400 }, (_, n) => ids.subarray(n * 32, (n + 1) * 32));
    };
    const counts = (share: number) => rows(share).map((ids) => ids.filter((id) => id === mask).length);
    expect(counts(1)).toEqual(counts(0));
    expect(rows(1).every(isSuffix)).toBe(true);
    // Few random masks look like a suffix, so that the share is seen: five standard errors around it.
    const chance = rows(0).filter(isSuffix).length / 400;
    const seen = rows(0.25).filter(isSuffix).length / 400;
    expect(Math.abs(seen - (chance + 0.25 * (1 - chance)))).toBeLessThan(5 * Math.sqrt(0.25 / 400));
  });

  it('masks differently at each step and with each seed', () => {
    const one = {
      tokens: Int32Array.of(50, answerMark, ...new Int32Array(60).fill(51), eos),
      answerStart: 2,
    };
    const ids = (more: Partial<MaskingOptions>) => numbers(maskedBatch([one], masking(more)), 'ids').join();
    expect(ids({})).toBe(ids({}));
    expect(new Set([ids({}), ids({ step: 2 }), ids({ seed: 2 }), ids({ first: 1 })]).size).toBe(4);
  });
});

describe('noisedBatch', () => {
  const vocabSize = 100;
  const noise = ({ mask: _, ...common } = masking(), more: Partial<NoiseOptions> = {}): NoiseOptions => ({
    ...{ ...common, vocabSize },
    ...more,
  });

  it('puts random tokens where maskedBatch puts masks, and asks about the whole canvas', () => {
    const choice = fc.record({
      extra: fc.nat(8),
      step: fc.integer({ min: 1, max: 1000 }),
      seed: fc.nat(1000),
      first: fc.nat(100),
      normalizer: fc.integer({ min: 1, max: 500 }),
      shift: fc.boolean(),
    });
    fc.assert(
      fc.property(examples, choice, (all, more) => {
        const noised = noisedBatch(all, noise(masking(more)));
        const masked = maskedBatch(all, masking(more));
        expect(noised.targets).toEqual(masked.targets);
        expect(noised.bias).toEqual(masked.bias);
        const rows = longest(all) + more.extra;
        const ids = numbers(noised, 'ids');
        numbers(masked, 'ids').forEach((id, at) => {
          if (id !== mask) expect(ids[at]).toBe(id);
          expect(ids[at]).toBeLessThan(vocabSize);
        });
        for (const [n, { answerStart }] of all.entries()) {
          const weights = numbers(noised, 'weights').subarray(n * rows, (n + 1) * rows);
          const start = answerStart - (more.shift ? 1 : 0);
          const isAsked = (row: number) => row >= start && row < start + rows - answerStart;
          weights.forEach((weight, row) => {
            expect(weight).toBe(isAsked(row) ? Math.fround(1 / more.normalizer) : 0);
          });
        }
      }),
    );
  });

  it('draws noise from the whole vocabulary, anew for each position, example and step', () => {
    const one = { tokens: Int32Array.of(50, answerMark, ...Array(29).fill(51), eos), answerStart: 2 };
    const noiseOf = (more: Partial<NoiseOptions>) => [
      ...numbers(noisedBatch([one], noise(masking(), more)), 'ids'),
    ];
    const counts = new Float64Array(vocabSize);
    for (let step = 1; step <= 400; step++) for (const id of noiseOf({ step }).slice(2)) counts[id]++;
    counts[51] = counts[eos] = 0;
    // Half of 400 x 30 positions are noise, 60 of each token; five standard errors.
    for (let id = 0; id < vocabSize; id++)
      if (id !== 51 && id !== eos) expect(Math.abs(counts[id] - 60)).toBeLessThan(5 * Math.sqrt(60));
    expect(noiseOf({})).toEqual(noiseOf({}));
    const others = [{ step: 2 }, { seed: 2 }, { first: 1 }].map((more) => noiseOf(more).join());
    expect(new Set([noiseOf({}).join(), ...others]).size).toBe(4);
  });

  it('hides the canvas from a causal prompt, in each example from its own end', () => {
    fc.assert(
      fc.property(examples, (all) => {
        const batch = noisedBatch(all, noise(masking({ extra: 3 }), { causalPrompt: true }));
        const rows = longest(all) + 3;
        expect(batch.bias.shape).toEqual([all.length, 1, rows, rows]);
        const bias = numbers(batch, 'bias');
        for (const [n, { answerStart }] of all.entries()) {
          for (let row = 0; row < rows; row++)
            for (let seen = 0; seen < rows; seen++) {
              const isVisible = row >= answerStart || seen <= row;
              expect(bias[(n * rows + row) * rows + seen] === 0).toBe(isVisible);
            }
        }
      }),
      { numRuns: 30 },
    );
  });
});
