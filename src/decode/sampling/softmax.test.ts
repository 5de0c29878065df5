import { describe, expect, it } from 'vitest';
import { logSoftmaxAt, logSumExp, normalizer } from './softmax.ts';

describe('log-softmax', () => {
  it('matches the definition', () => {
    const logits = Float32Array.of(1, 2, 3);
    const total = Math.exp(1) + Math.exp(2) + Math.exp(3);
    expect(logSumExp(logits)).toBeCloseTo(Math.log(total), 12);
    expect(logSoftmaxAt(logits, 1)).toBeCloseTo(Math.log(Math.exp(2) / total), 12);
  });

  it('reads one row of many', () => {
    const rows = Float32Array.of(50, 1, 2, 3, 50);
    expect(logSoftmaxAt(rows, 2, 1, 3)).toBe(logSoftmaxAt(Float32Array.of(1, 2, 3), 2));
  });

  it('does not overflow and keeps ties apart from huge values exact', () => {
    const logits = Float32Array.of(1e30, 1e30, -1e30, -Infinity);
    expect(logSoftmaxAt(logits, 0)).toBeCloseTo(-Math.LN2, 12);
    expect(logSoftmaxAt(logits, 3)).toBe(-Infinity);
  });

  it('leaves out only what rounding would', () => {
    // The small terms come first, so that they add up before they meet the large one.
    const logits = new Float32Array(100_000).fill(-40);
    logits[99_999] = 0;
    expect(normalizer(logits).sum - 1).toBeCloseTo(99_999 * Math.exp(-40), 15);
    expect(normalizer(logits.fill(-65, 0, 99_999)).sum).toBe(1);
  });

  it('of a row without candidates is -Infinity', () => {
    expect(logSumExp(Float32Array.of(-Infinity, -Infinity))).toBe(-Infinity);
  });

  it('passes NaN on', () => {
    expect(logSumExp(Float32Array.of(1, Number.NaN))).toBeNaN();
  });
});
