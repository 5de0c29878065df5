/** The commit rules on predictions given by hand. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskingOf } from '../../testing/canvas-model.ts';
import { Canvas } from '../canvas.ts';
import type { CommitRule, Predictions } from '../parts.ts';
import { entropyBoundRule } from './entropy-bound.ts';
import { factorRule } from './factor.ts';
import { originRule } from './origin.ts';
import { quota, quotaRule } from './quota.ts';
import { ranked } from './rank.ts';
import { thresholdRule } from './threshold.ts';

const predictionsOf = (
  confidence: readonly number[],
  candidates = confidence.map((_, i) => i),
): Predictions => ({
  positions: confidence.map((_, i) => i),
  candidates,
  tokens: new Int32Array(confidence.length),
  confidence: Float64Array.from(confidence),
  choice: () => ({ token: 0, logprob: 0 }),
  logits: () => new Float32Array(0),
  ahead: () => predictionsOf(confidence, candidates),
});

const canvasOf = (length: number) =>
  new Canvas({
    prompt: [1],
    masking: maskingOf(0),
    tokens: new Int32Array(length).fill(-1),
    blocks: [length],
    seed: 0,
  });

const committed = (rule: CommitRule, confidence: readonly number[], candidates?: number[]) =>
  rule(predictionsOf(confidence, candidates), canvasOf(confidence.length));

const confidences = fc.array(fc.constantFrom(0, 0.2, 0.5, 0.85, 0.9, 0.95, 0.99, 1), {
  minLength: 1,
  maxLength: 12,
});

describe('ranked', () => {
  it('puts the surest first, the lowest position on ties, and looks at candidates only', () => {
    expect(ranked(predictionsOf([0.3, 0.9, 0.3, 0.9, 1], [0, 1, 2, 3]))).toEqual([1, 3, 0, 2]);
    expect(ranked(predictionsOf([-Infinity, 0, -Infinity]))).toEqual([1, 0, 2]);
  });
});

describe('quota', () => {
  it('shares the masks out as evenly as can be, the larger shares first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200 }), (masks, steps) => {
        const shares = Array.from({ length: steps }, (_, step) => quota(masks, steps, step));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(masks);
        expect(shares).toEqual(shares.toSorted((a, b) => b - a));
        expect(shares[0] - shares[steps - 1]).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is what the rule commits', () => {
    expect(committed(quotaRule(2), [0.1, 0.5, 0.4, 0.9, 0.2])).toEqual([3, 1, 2]);
  });
});

describe('thresholdRule', () => {
  it('commits all that reach the threshold, and one when none does', () => {
    expect(committed(thresholdRule(0.9), [0.9, 0.5, 0.95, 0.89])).toEqual([2, 0]);
    expect(committed(thresholdRule(0.9), [0.1, 0.5, 0.5])).toEqual([1]);
    expect(committed(thresholdRule(0), [0.1, 0.5, 0.3])).toEqual([1, 2, 0]);
  });
});

describe('factorRule', () => {
  it('commits the largest n with (n + 1)(1 - c) below the factor', () => {
    fc.assert(
      fc.property(confidences, fc.constantFrom(0.1, 0.5, 1, 2), (confidence, factor) => {
        const sorted = confidence.toSorted((a, b) => b - a);
        let expected = 1;
        sorted.forEach((c, i) => {
          if ((i + 2) * (1 - c) < factor) expected = Math.max(expected, i + 1);
        });
        expect(committed(factorRule(factor), confidence)).toHaveLength(expected);
      }),
    );
  });
});

describe('entropyBoundRule', () => {
  it('takes the tokens of least entropy as long as the sum of all but the largest is within the bound', () => {
    const entropies = fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(entropies, fc.constantFrom(0, 0.1, 0.5, 1, 100), (entropy, bound) => {
        const taken = committed(
          entropyBoundRule(bound),
          entropy.map((h) => -h),
        );
        const sorted = [...entropy.keys()].sort((a, b) => entropy[a] - entropy[b] || a - b);
        const sum = (count: number) => sorted.slice(0, count).reduce((total, i) => total + entropy[i], 0);
        let expected = 1;
        while (expected < entropy.length && sum(expected) <= bound) expected++;
        expect(taken).toEqual(sorted.slice(0, expected));
      }),
    );
  });
});

describe('originRule', () => {
  it('commits as many as the times say, and all in the last step', () => {
    const canvas = canvasOf(4);
    const rule = originRule(4);
    const confidence = [0.2, 0.74, 0.76, 0.99];
    // From time 1 to 0.75025.
    expect(rule(predictionsOf(confidence), canvas)).toEqual([2, 3]);
    canvas.blockStep = 3;
    expect(rule(predictionsOf(confidence), canvas)).toEqual([0, 1, 2, 3]);
  });
});
