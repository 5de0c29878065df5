/** Newcombe's interval: published figures, symmetry, and how often it holds the truth. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uniform } from '../decode/random.ts';
import { pairedDifference } from './paired.ts';

/** Answers of both with these counts of pairs. */
function answers(both: number, improved: number, worsened: number, neither: number) {
  const of = (...shares: [number, boolean][]) =>
    shares.flatMap(([count, right]) => Array<boolean>(count).fill(right));
  return [
    of([both, true], [improved, true], [worsened, false], [neither, false]),
    of([both, true], [improved, false], [worsened, true], [neither, false]),
  ] as const;
}

const counts = fc.integer({ min: 0, max: 30 });

describe('pairedDifference', () => {
  it.each([
    // Fagerland, Lydersen and Laake 2014 (Statistics in Medicine 33:2850-2875), airway hyper-responsiveness.
    { pairs: [1, 1, 7, 12], difference: -0.286, low: -0.507, high: -0.026 },
  ] as const)('is as published: $pairs', ({ pairs, difference, low, high }) => {
    const [ours, theirs] = answers(...(pairs as readonly [number, number, number, number]));
    const found = pairedDifference(ours, theirs);
    expect(found).toMatchObject({ improved: pairs[1], worsened: pairs[2] });
    expect(found.difference).toBeCloseTo(difference, 3);
    expect(found.low).toBeCloseTo(low, 3);
    expect(found.high).toBeCloseTo(high, 3);
  });

  it('holds the difference, and turns round with the two', () => {
    fc.assert(
      fc.property(counts, counts, counts, counts, (both, improved, worsened, neither) => {
        const [ours, theirs] = answers(both, improved, worsened, neither);
        const [one, other] = [pairedDifference(ours, theirs), pairedDifference(theirs, ours)];
        expect(one.low).toBeLessThanOrEqual(one.difference);
        expect(one.high).toBeGreaterThanOrEqual(one.difference);
        expect(other.low).toBeCloseTo(-one.high, 12);
        expect(other.high).toBeCloseTo(-one.low, 12);
        expect(other).toMatchObject({ improved: worsened, worsened: improved });
      }),
    );
  });

  it('says that it knows nothing of no problems, and little of few', () => {
    expect(pairedDifference([], [])).toEqual({ improved: 0, worsened: 0, difference: 0, low: -1, high: 1 });
    const same = Array<boolean>(4).fill(true);
    const { difference, low, high } = pairedDifference(same, same);
    expect(difference).toBe(0);
    expect(low).toBeLessThan(-0.3);
    expect(high).toBeGreaterThan(0.3);
  });

  it('holds the true difference in about 95 of 100 draws', () => {
    const [draws, samples] = [2000, 60];
    // Right on 0.9 and 0.8 of the problems, together on 0.76.
    const [both, improved, worsened] = [0.76, 0.14, 0.04];
    let held = 0;
    for (let draw = 0; draw < draws; draw++) {
      const at = (position: number) => uniform({ seed: 5, stream: 77, step: draw, position });
      const drawn = Array.from({ length: samples }, (_, i) => at(i));
      const ours = drawn.map((u) => u < both + improved);
      const theirs = drawn.map((u) => u < both || (u >= both + improved && u < both + improved + worsened));
      const { low, high } = pairedDifference(ours, theirs);
      if (low <= improved - worsened && high >= improved - worsened) held++;
    }
    expect(held / draws).toBeGreaterThan(0.93);
    expect(held / draws).toBeLessThan(0.98);
  });

  it('wants as many answers of both', () => {
    expect(() => pairedDifference([true], [])).toThrow('1 answers against 0');
  });
});
