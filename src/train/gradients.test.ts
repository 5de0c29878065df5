import { describe, expect, it } from 'vitest';
import { accumulate, gradientNorm } from './gradients.ts';

const gradients = (entries: Record<string, number[]>) =>
  new Map(Object.entries(entries).map(([name, values]) => [name, Float32Array.from(values)]));

describe('gradients', () => {
  it('add up in place', () => {
    const sum = gradients({ a: [1, 2], b: [3] });
    accumulate(sum, gradients({ b: [30], a: [10, 20] }));
    expect(sum).toEqual(gradients({ a: [11, 22], b: [33] }));
  });

  it('have one norm over all of them', () => {
    expect(gradientNorm(gradients({ a: [1, 2], b: [-2, 4] }))).toBe(5);
    expect(gradientNorm(gradients({ a: [1e30, 1e30] }))).toBeCloseTo(Math.SQRT2 * 1e30, -26);
    expect(gradientNorm(gradients({ a: [0, Number.NaN] }))).toBeNaN();
    expect(gradientNorm(gradients({ a: [0, Number.POSITIVE_INFINITY] }))).toBe(Infinity);
  });
});
