import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CurvePoint, curveSvg } from './curve.ts';

const points = (losses: readonly number[], learningRate = 0.1): CurvePoint[] =>
  losses.map((loss, i) => ({ step: i + 1, loss, learningRate }));

/** Points of the lines of a picture: each loss, smoothed, learning rate. */
const linesOf = (svg: string) =>
  [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, text]) =>
    text.split(' ').map((pair) => pair.split(',').map(Number)),
  );

describe('curveSvg', () => {
  it('draws losses and learning rate on logarithmic steps', () => {
    const svg = curveSvg(points([8, 4, 2, 1, 0.5, 0.25, 0.125, 0.0625]), 'a & b');
    const [each, smooth, rate] = linesOf(svg);
    expect(svg).toContain('<title>a &amp; b</title>');
    expect(each).toHaveLength(8);
    expect(smooth).toHaveLength(8);
    const [one, two, , four] = each.map(([x]) => x);
    expect(two - one).toBeCloseTo(four - two, 0);
    // Halves are equal steps down.
    const heights = each.map(([, y]) => y);
    for (let i = 2; i < 8; i++) expect(heights[i] - heights[i - 1]).toBeCloseTo(heights[1] - heights[0], 0);
    expect(new Set(rate.map(([, y]) => y)).size).toBe(1);
  });

  it('stays small however many steps there are', () => {
    const losses = Array.from({ length: 50_000 }, (_, i) => 5 / (i + 1) + 0.1 * Math.abs(Math.sin(i)) + 0.01);
    expect(curveSvg(points(losses), 'long').length).toBeLessThan(80_000);
  });

  it('draws any losses inside its panels', () => {
    const loss = fc.float({ min: -1e6, max: 1e6, noNaN: true });
    const rate = fc.float({ min: 0, max: 10, noNaN: true });
    fc.assert(
      fc.property(fc.array(loss, { maxLength: 40 }), rate, fc.boolean(), (losses, learningRate, positive) => {
        const svg = curveSvg(points(positive ? losses.map(Math.abs) : losses, learningRate), 'any');
        expect(svg).not.toMatch(/NaN|Infinity|undefined/);
        for (const [x, y] of linesOf(svg).flat()) {
          expect(x).toBeGreaterThanOrEqual(64);
          expect(x).toBeLessThanOrEqual(740);
          expect(y).toBeGreaterThanOrEqual(44);
          expect(y).toBeLessThanOrEqual(412);
        }
      }),
    );
  });
});
