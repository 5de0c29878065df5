import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaUnderCurve, type Judged } from './area-under-curve.ts';

const judged: fc.Arbitrary<Judged[]> = fc.array(
  fc.record({ score: fc.constantFrom(-3, 0.1, 0.2, 0.5, 0.9), right: fc.boolean() }),
  { minLength: 1, maxLength: 30 },
);

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
