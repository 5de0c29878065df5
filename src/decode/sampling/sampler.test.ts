import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../../errors.ts';
import { chiSquareTest } from './chi-square.ts';
import type { SamplingInput } from './options.ts';
import { createSampler } from './sampler.ts';
import { argmax, topM } from './select.ts';
import { logSoftmaxAt } from './softmax.ts';

const none = { promptTokens: [], generatedTokens: [], step: 0 };
const key = (position: number) => ({ seed: 11, stream: 0, step: 0, position });

/** A vocabulary of 12 with two ties. */
const logits = Float32Array.of(0.5, 2, -1, 1.25, 0, 2, -0.5, -3, 0.75, 0, 1, -2);
const context = { promptTokens: [1, 4], generatedTokens: [3, 3, 8], step: 3 };

/** exp(logit / temperature) over the kept ids, normalized. */
function enumerate(row: ArrayLike<number>, temperature: number, kept: readonly number[]): number[] {
  const weights = Array.from(row, (logit, id) => (kept.includes(id) ? Math.exp(logit / temperature) : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

const all = [...logits.keys()];
const penalized = Array.from(logits);
penalized[3] = penalized[3] / 1.5 - 2 * 0.4 - 0.2;
penalized[8] = penalized[8] / 1.5 - 0.4 - 0.2;
penalized[1] /= 1.5;
const biased = Array.from(logits);
biased[7] += 4;

/** Kept sets worked out by hand from the definitions; ids by probability: 1 5 3 10 8 0 4 9 6 2 11 7. */
const cases: { name: string; options: SamplingInput; expected: number[] }[] = [
  { name: 'temperature 1', options: { temperature: 1 }, expected: enumerate(logits, 1, all) },
  { name: 'temperature 0.6', options: { temperature: 0.6 }, expected: enumerate(logits, 0.6, all) },
  { name: 'temperature 2.5', options: { temperature: 2.5 }, expected: enumerate(logits, 2.5, all) },
  { name: 'top-k 3', options: { temperature: 1, topK: 3 }, expected: enumerate(logits, 1, [1, 5, 3]) },
  {
    name: 'top-k 7, a tie',
    options: { temperature: 1, topK: 7 },
    expected: enumerate(logits, 1, [1, 5, 3, 10, 8, 0, 4]),
  },
  // Cumulative probabilities: .265 .529 .655 .752 ...
  { name: 'top-p 0.6', options: { temperature: 1, topP: 0.6 }, expected: enumerate(logits, 1, [1, 5, 3]) },
  // exp(-1.25) = .287, exp(-1) = .368, exp(-.75) = .472
  {
    name: 'min-p 0.3',
    options: { temperature: 1, minP: 0.3 },
    expected: enumerate(logits, 1, [1, 5, 3, 10]),
  },
  // Entropy 1.969 nats; distances .110 (3) .360 (10) .610 (8) .640 (1, 5); cumulative .125 .222 .298 .563
  {
    name: 'typical 0.4',
    options: { temperature: 1, typicalP: 0.4 },
    expected: enumerate(logits, 1, [3, 10, 8, 1]),
  },
  {
    name: 'penalties',
    options: { temperature: 1, repetitionPenalty: 1.5, frequencyPenalty: 0.4, presencePenalty: 0.2 },
    expected: enumerate(penalized, 1, all),
  },
  {
    name: 'logit bias',
    options: { temperature: 1, logitBias: { 7: 4, 1: -100 } },
    expected: enumerate(
      biased,
      1,
      all.filter((id) => id !== 1),
    ),
  },
  {
    name: 'top-k, top-p and min-p together',
    options: { temperature: 2, topK: 6, topP: 0.9, minP: 0.6 },
    expected: enumerate(logits, 2, [1, 5, 3, 10]),
  },
];

const draws = 20_000;
function count(draw: (position: number) => number): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  for (let position = 0; position < draws; position++) counts[draw(position)]++;
  return counts;
}

describe('what is drawn', () => {
  it.each(cases)('$name follows the enumerated probabilities', ({ options, expected }) => {
    const sampler = createSampler(options);
    const { ids, probs } = sampler.distribution(logits, context);
    expect([...ids].sort((a, b) => a - b)).toEqual(all.filter((id) => expected[id] > 0));
    for (const [rank, id] of ids.entries()) expect(probs[rank]).toBeCloseTo(expected[id], 6);
    const counts = count((position) => sampler.choose(logits, context, key(position)).token);
    expect(chiSquareTest(counts, expected).p).toBeGreaterThan(1e-4);
  });

  it('would be noticed if it were slightly wrong', () => {
    const expected = enumerate(logits, 1, all);
    const at = (options: SamplingInput) => {
      const sampler = createSampler(options);
      return chiSquareTest(
        count((position) => sampler.choose(logits, none, key(position)).token),
        expected,
      ).p;
    };
    expect(at({ temperature: 1 })).toBeGreaterThan(1e-4);
    expect(at({ temperature: 0.9 })).toBeLessThan(1e-4);
    expect(at({ temperature: 1, topK: 10 })).toBeLessThan(1e-4);
    expect(at({ temperature: 1, logitBias: { 3: 0.2 } })).toBeLessThan(1e-4);
  });
});

const row = fc
  .uniqueArray(
    fc.float({ min: -20, max: 20, noNaN: true }).map((value) => value + 0),
    { minLength: 1, maxLength: 300 },
  )
  .map((values) => Float32Array.from(values));
const options = fc.record({
  temperature: fc.double({ min: 0.1, max: 3, noNaN: true }),
  topK: fc.nat({ max: 300 }),
  topP: fc.double({ min: 0, max: 1, noNaN: true }),
  minP: fc.double({ min: 0, max: 1, noNaN: true }),
  typicalP: fc.double({ min: 0, max: 1, noNaN: true }),
  repetitionPenalty: fc.double({ min: 0.5, max: 2, noNaN: true }),
  frequencyPenalty: fc.double({ min: -2, max: 2, noNaN: true }),
  presencePenalty: fc.double({ min: -2, max: 2, noNaN: true }),
});

describe('invariants', () => {
  it('probabilities sum to 1 and the logits are not changed', () => {
    fc.assert(
      fc.property(row, options, (values, input) => {
        const before = values.slice();
        const { ids, probs } = createSampler(input).distribution(values, context);
        expect(ids.length).toBeGreaterThan(0);
        expect(probs.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
        expect(values).toEqual(before);
      }),
    );
  });

  it('renaming the tokens renames the result', () => {
    fc.assert(
      fc.property(row, options, fc.infiniteStream(fc.nat()), (values, input, stream) => {
        const size = values.length;
        const order = [...values.keys()]
          .map((id) => [stream.next().value ?? id, id])
          .sort((a, b) => a[0] - b[0]);
        const rename = new Map(order.map(([, id], index) => [id, index]));
        const renamed = new Float32Array(size);
        for (const [from, to] of rename) renamed[to] = values[from];
        const tokens = [0, 1, 1, 2].filter((id) => id < size);
        const plainContext = { ...none, generatedTokens: tokens };
        const renamedContext = { ...none, generatedTokens: tokens.map((id) => rename.get(id)!) };
        const sampler = createSampler({ ...input, typicalP: 1 });
        const plain = sampler.distribution(values, plainContext);
        const other = sampler.distribution(renamed, renamedContext);
        expect(other.probs.length).toBe(plain.probs.length);
        for (const [rank, p] of plain.probs.entries()) expect(other.probs[rank]).toBeCloseTo(p, 12);
        // Temperature and penalties may round two logits to a tie, which the lower id wins.
        const unfiltered = createSampler({ ...input, topK: 0, topP: 1, minP: 0, typicalP: 1 });
        const { probs } = unfiltered.distribution(values, plainContext);
        if (new Set(probs).size < probs.length) return;
        expect([...other.ids]).toEqual([...plain.ids].map((id) => rename.get(id)));
      }),
    );
  });

  it('choose gives the token sample gives, the same for the same key', () => {
    fc.assert(
      fc.property(row, options, fc.nat(), (values, input, position) => {
        const sampler = createSampler(input);
        const { token } = sampler.choose(values, none, key(position));
        expect(sampler.sample(sampler.distribution(values, none), key(position))).toBe(token);
        expect(createSampler(input).choose(values, none, key(position)).token).toBe(token);
      }),
    );
  });

  it('greedy is the argmax whatever the filters and the key', () => {
    fc.assert(
      fc.property(row, options, fc.nat(), (values, { topK, topP, minP, typicalP }, position) => {
        const rowOfTies = values.map(Math.round);
        const sampler = createSampler({ topK, topP, minP, typicalP });
        expect(sampler.choose(rowOfTies, none, key(position)).token).toBe(argmax(rowOfTies));
        expect([...sampler.distribution(rowOfTies, none).probs]).toEqual([1]);
      }),
    );
  });

  it('a temperature near 0 is greedy and does not overflow', () => {
    const sampler = createSampler({ temperature: 1e-300 });
    const huge = Float32Array.of(-3e38, 3e38, 0, 1e38);
    expect([...sampler.distribution(huge, none).ids]).toEqual([1]);
  });
});

describe('greedy', () => {
  it('applies bias, penalties and processors', () => {
    const token = (input: SamplingInput, processors?: ((row: Float32Array) => void)[]) =>
      createSampler(input, { processors }).choose(logits, context, key(0)).token;
    expect(token({})).toBe(1);
    expect(token({ logitBias: { 7: 50 } })).toBe(7);
    expect(token({ repetitionPenalty: 1.5 })).toBe(5);
    expect(token({}, [(values) => values.fill(-Infinity, 0, 6)])).toBe(10);
  });

  it('tells when the argmax is all there is to it', () => {
    expect(createSampler().argmaxOnly).toBe(true);
    expect(createSampler({ topK: 5, seed: 3 }).argmaxOnly).toBe(true);
    expect(createSampler({ temperature: 1 }).argmaxOnly).toBe(false);
    expect(createSampler({ logprobs: 0 }).argmaxOnly).toBe(false);
    expect(createSampler({ presencePenalty: 1 }).argmaxOnly).toBe(false);
    expect(createSampler({}, { processors: [() => {}] }).argmaxOnly).toBe(false);
  });
});

describe('log probabilities', () => {
  it("are the model's own, before any processing", () => {
    const sampler = createSampler({ temperature: 0.1, topK: 1, logitBias: { 7: 50 }, logprobs: 3 });
    const { token, logprob, top } = sampler.choose(logits, context, key(0));
    expect(token).toBe(7);
    expect(logprob).toBeCloseTo(logSoftmaxAt(logits, 7), 12);
    expect(top!.map((entry) => entry.token)).toEqual([...topM(logits, 3)]);
    for (const entry of top!) expect(entry.logprob).toBeCloseTo(logSoftmaxAt(logits, entry.token), 12);
  });

  it('list alternatives only when asked', () => {
    expect(createSampler().choose(logits, none, key(0))).not.toHaveProperty('top');
    expect(createSampler({ logprobs: 0 }).choose(logits, none, key(0)).top).toEqual([]);
  });
});

describe('rows no token can come from', () => {
  it.each([
    [[1, Number.NaN], 'bad-file'],
    [[1, Number.POSITIVE_INFINITY], 'bad-file'],
    [[-Infinity, -Infinity], 'bad-option'],
  ])('%o: %s', (values, code) => {
    for (const temperature of [0, 1]) {
      const sampler = createSampler({ temperature, topK: 1 });
      try {
        sampler.choose(Float32Array.from(values), none, key(0));
        expect.unreachable();
      } catch (error) {
        expect(QuickstepError.isInstance(error) && error.code).toBe(code);
      }
    }
  });

  it('everything banned by the bias', () => {
    const sampler = createSampler({ logitBias: { 0: -100, 1: -100 } });
    expect(() => sampler.choose(Float32Array.of(1, 2), none, key(0))).toThrow(/ruled out/);
  });
});
