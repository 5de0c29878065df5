import { describe, expect, it } from 'vitest';
import { chiSquareTest } from './chi-square.ts';

/** Two cells whose statistic is exactly `statistic`, or `cells` equal ones with the deviation in the first two. */
function withStatistic(statistic: number, degrees: number): number {
  const cells = degrees + 1;
  const expected = 1e6;
  const deviation = Math.sqrt((statistic * expected) / 2);
  const counts = new Array<number>(cells).fill(expected);
  counts[0] += deviation;
  counts[1] -= deviation;
  return chiSquareTest(counts, new Array<number>(cells).fill(1 / cells)).p;
}

describe('chiSquareTest', () => {
  // Critical values from the usual printed table.
  it.each([
    [3.841, 1, 0.05],
    [0.0158, 1, 0.9],
    [6.635, 1, 0.01],
    [5.991, 2, 0.05],
    [18.307, 10, 0.05],
    [2.558, 10, 0.99],
    [29.588, 10, 0.001],
    [124.342, 100, 0.05],
    [70.065, 100, 0.99],
  ])('statistic %d with %d degrees of freedom has p = %d', (statistic, degrees, p) => {
    expect(withStatistic(statistic, degrees)).toBeCloseTo(p, 3);
  });

  it('is exp(-x / 2) for two degrees, far into the tail', () => {
    expect(withStatistic(60, 2) / Math.exp(-30)).toBeCloseTo(1, 9);
  });

  it('pools rare cells', () => {
    const { degrees } = chiSquareTest([50, 46, 2, 1, 1], [0.5, 0.46, 0.02, 0.01, 0.01]);
    expect(degrees).toBe(2);
  });

  it('rejects a draw that cannot happen', () => {
    expect(chiSquareTest([99, 1], [1, 0]).p).toBe(0);
  });

  it('accepts a certain outcome', () => {
    expect(chiSquareTest([100, 0], [1, 0]).p).toBe(1);
  });
});
