import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lossChart } from './loss-chart.ts';

describe('lossChart', () => {
  it('draws halves as equal steps down', () => {
    expect(lossChart([64, 32, 16, 8, 4, 2], 6)).toEqual([
      '64 │█',
      '   │█▇',
      '   │██▅',
      '   │███▄',
      '   │████▂',
      ' 2 │█████▁',
      '    1    6',
    ]);
  });

  it('averages what falls on one column and numbers the steps', () => {
    const losses = Array.from({ length: 600 }, (_, i) => 100 / (i + 1));
    const lines = lossChart(losses, 1000);
    expect(lines.at(-1)).toMatch(/^ +401 {50,}1000$/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(70);
    expect(lossChart(losses, 1000, 40).every((line) => line.length <= 40)).toBe(true);
  });

  it('draws nothing of fewer than two losses', () => {
    expect(lossChart([], 0)).toEqual([]);
    expect(lossChart([1], 1)).toEqual([]);
  });

  it('draws any losses, each column with something in it', () => {
    const loss = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.array(loss, { minLength: 2, maxLength: 200 }),
        fc.integer({ min: 1, max: 120 }),
        (losses, columns) => {
          const lines = lossChart(losses, losses.length, columns);
          expect(lines).toHaveLength(7);
          expect(lines.join()).not.toMatch(/NaN|Infinity|undefined/);
          const bars = lines.slice(0, 6).map((line) => line.slice(line.indexOf('│') + 1));
          expect(bars[5]).not.toContain(' ');
          for (const bar of bars) expect(bar).toMatch(/^[ ▁▂▃▄▅▆▇█]*$/);
        },
      ),
    );
  });
});
