import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStreams, uniform } from '../random.ts';
import { chiSquareTest } from './chi-square.ts';
import {
  type Distribution,
  pointMass,
  probabilityOf,
  residual,
  sample,
  sampleLogits,
  softmax,
  without,
} from './distribution.ts';

const key = (position: number, stream: number = randomStreams.sample) => ({
  seed: 3,
  stream,
  step: 0,
  position,
});
const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

const row = fc
  .array(fc.oneof(fc.constant(-Infinity), fc.constant(0), fc.float({ min: -200, max: 200, noNaN: true })), {
    maxLength: 600,
  })
  .map((rest) => Float32Array.of(0, ...rest));

const counts = (size: number, draws: number, draw: (position: number) => number) => {
  const result = new Array<number>(size).fill(0);
  for (let position = 0; position < draws; position++) result[draw(position)]++;
  return result;
};

const dense = (distribution: Distribution, size: number) =>
  Array.from({ length: size }, (_, id) => probabilityOf(distribution, id));

describe('softmax', () => {
  it('sums to 1, is ordered, and leaves out only what is 0', () => {
    fc.assert(
      fc.property(row, (logits) => {
        const { ids, probs } = softmax(logits);
        expect(sum(probs)).toBeCloseTo(1, 12);
        const max = Math.max(...logits);
        const total = sum(Array.from(logits, (logit) => Math.exp(logit - max)));
        for (const [rank, id] of ids.entries()) {
          expect(probs[rank]).toBeGreaterThan(0);
          expect(Math.abs(probs[rank] * total - Math.exp(logits[id] - max))).toBeLessThan(1e-12);
          if (rank === 0) continue;
          const before = ids[rank - 1];
          expect(logits[before] > logits[id] || (logits[before] === logits[id] && before < id)).toBe(true);
        }
        const listed = new Set(ids);
        for (const [id, logit] of logits.entries()) {
          if (!listed.has(id)) expect(Math.exp(logit - max) / total).toBe(0);
        }
      }),
    );
  });
});

describe('sample', () => {
  it('of logits equals sample of their softmax', () => {
    fc.assert(
      fc.property(row, fc.nat(), (logits, position) => {
        expect(sampleLogits(logits, key(position))).toBe(sample(softmax(logits), key(position)));
      }),
    );
  });

  it('of a flat vocabulary, which needs more than the head, equals sample of its softmax', () => {
    const logits = new Float32Array(5000).fill(2);
    const drawn = counts(5000, 500, (position) => {
      const token = sampleLogits(logits, key(position));
      expect(token).toBe(sample(softmax(logits), key(position)));
      return token;
    });
    expect(drawn.slice(1000).some((count) => count > 0)).toBe(true);
  });

  it('inverts the cumulative sum with one uniform number', () => {
    const distribution = { ids: Int32Array.of(8, 3, 5), probs: Float64Array.of(0.5, 0.25, 0.25) };
    for (let position = 0; position < 200; position++) {
      const u = uniform(key(position));
      expect(sample(distribution, key(position))).toBe(u < 0.5 ? 8 : u < 0.75 ? 3 : 5);
    }
  });

  it('of a point mass is its token', () => {
    expect(sample(pointMass(42), key(1))).toBe(42);
    expect(probabilityOf(pointMass(42), 42)).toBe(1);
    expect(probabilityOf(pointMass(42), 41)).toBe(0);
  });
});

describe('residual', () => {
  const p = softmax(Float32Array.of(1, 2, 0, -Infinity, 1.5, -1));
  const q = softmax(Float32Array.of(2, 0, 1, 1, -Infinity, -1));

  it('is max(0, p - q), ordered and normalized', () => {
    fc.assert(
      fc.property(row, row, (a, b) => {
        const [left, right] = [softmax(a), softmax(b)];
        const size = Math.max(a.length, b.length);
        const weights = dense(left, size).map((value, id) => Math.max(0, value - probabilityOf(right, id)));
        const total = sum(weights);
        const rest = residual(left, right);
        if (total === 0) {
          expect(rest).toBeUndefined();
          return;
        }
        expect(sum(rest!.probs)).toBeCloseTo(1, 9);
        for (const [rank, id] of rest!.ids.entries()) {
          expect(rest!.probs[rank] * total).toBeCloseTo(weights[id], 12);
          if (rank > 0) expect(rest!.probs[rank]).toBeLessThanOrEqual(rest!.probs[rank - 1]);
        }
      }),
    );
  });

  const speculate = (draft: Distribution, acceptance: (token: number) => number) => (position: number) => {
    const token = sample(draft, key(position, randomStreams.draft));
    if (uniform(key(position, randomStreams.accept)) < acceptance(token)) return token;
    return sample(residual(p, draft) ?? p, key(position, randomStreams.residual));
  };
  const lossless = (draft: Distribution) => (token: number) =>
    probabilityOf(p, token) / probabilityOf(draft, token);

  it('makes speculative sampling lossless, and the test notices a wrong acceptance rule', () => {
    for (const draft of [q, pointMass(1), pointMass(3), p]) {
      const drawn = counts(6, 20_000, speculate(draft, lossless(draft)));
      expect(chiSquareTest(drawn, dense(p, 6)).p).toBeGreaterThan(1e-4);
    }
    const wrong = counts(
      6,
      20_000,
      speculate(q, (token) => 0.9 * lossless(q)(token)),
    );
    expect(chiSquareTest(wrong, dense(p, 6)).p).toBeLessThan(1e-9);
  });

  it('is nothing where p equals q, and takes a draft with ids that p does not have', () => {
    expect(residual(p, p)).toBeUndefined();
    expect(residual(pointMass(2), pointMass(2))).toBeUndefined();
    expect(residual(pointMass(2), softmax(new Float32Array(50)))).toEqual(pointMass(2));
  });
});

describe('without', () => {
  it('leaves the others in proportion', () => {
    const { ids, probs } = without(softmax(Float32Array.of(0, 1, 0, -Infinity)), 1)!;
    expect([...ids]).toEqual([0, 2]);
    expect([...probs]).toEqual([0.5, 0.5]);
    expect(without(pointMass(3), 3)).toBeUndefined();
    expect(without(pointMass(3), 4)).toEqual(pointMass(3));
  });
});
