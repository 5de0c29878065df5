import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Judged } from '../../tasks/area-under-curve.ts';
import { acceptance, barFor, falseShare } from './filter-quality.ts';

const judged: fc.Arbitrary<Judged[]> = fc.array(
  fc.record({ score: fc.constantFrom(0.1, 0.2, 0.25, 0.5, 0.7, 0.9, 0.99), right: fc.boolean() }),
  { minLength: 1, maxLength: 30 },
);
const limits = fc.constantFrom(0, 0.01, 0.1, 0.3);

describe('barFor', () => {
  it('accepts the most that may be accepted, by trying all bars', () => {
    fc.assert(
      fc.property(judged, limits, (all, limit) => {
        const bar = barFor(all, limit);
        const at = acceptance(all, bar);
        expect(falseShare(at)).toBeLessThanOrEqual(limit);
        for (const tried of [0, ...all.map(({ score }) => score)]) {
          const other = acceptance(all, tried);
          if (falseShare(other) <= limit) expect(other.accepted).toBeLessThanOrEqual(at.accepted);
        }
        // Between two scores, so that it does not matter whether the bar itself is accepted.
        expect(all.some(({ score }) => score === bar)).toBe(false);
      }),
    );
  });

  it('is 0 when all are right, and 1 when none may be accepted', () => {
    expect(barFor([{ score: 0.3, right: true }], 0)).toBe(0);
    expect(
      barFor(
        [
          { score: 0.9, right: false },
          { score: 0.3, right: true },
        ],
        0,
      ),
    ).toBe(1);
    expect(barFor([], 0.01)).toBe(1);
  });
});
