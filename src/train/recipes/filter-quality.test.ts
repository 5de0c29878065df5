import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptance, areaUnderCurve, barFor, falseShare, type Judged } from './filter-quality.ts';

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

describe('areaUnderCurve', () => {
  it('is the share of pairs that are in the right order', () => {
    fc.assert(
      fc.property(judged, (all) => {
        const [rights, wrongs] = [true, false].map((kind) => all.filter(({ right }) => right === kind));
        fc.pre(rights.length > 0 && wrongs.length > 0);
        let sum = 0;
        for (const { score: a } of rights)
          for (const { score: b } of wrongs) sum += a > b ? 1 : a === b ? 0.5 : 0;
        expect(areaUnderCurve(all)).toBeCloseTo(sum / (rights.length * wrongs.length), 12);
      }),
    );
  });

  it('is no number without rights and wrongs', () => {
    expect(areaUnderCurve([{ score: 0.3, right: true }])).toBeNaN();
  });
});
