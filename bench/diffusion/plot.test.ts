import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { diffusionPlot, spread } from './plot.ts';
import { figures, resultsWith } from './testing/sample.ts';

describe('spread', () => {
  it('moves apart what is too close, and nothing else', () => {
    expect(spread([90, 50, 10], 5, [0, 100])).toEqual([90, 50, 10]);
    expect(spread([90, 90, 88], 5, [0, 100])).toEqual([90, 85, 80]);
    expect(spread([2, 1], 5, [0, 100])).toEqual([5, 0]);
  });

  it('keeps order, gap and limits where there is room', () => {
    const values = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(values, (all) => {
        const places = spread(all, 5, [0, 100]);
        const order = [...all.keys()].sort((a, b) => places[b] - places[a]);
        for (const [rank, index] of order.entries()) {
          expect(places[index]).toBeGreaterThanOrEqual(-1e-9);
          expect(places[index]).toBeLessThanOrEqual(100);
          if (rank === 0) continue;
          const above = order[rank - 1];
          expect(places[above] - places[index]).toBeGreaterThan(5 - 1e-9);
          expect(all[above]).toBeGreaterThanOrEqual(all[index]);
        }
      }),
    );
  });
});

describe('the picture', () => {
  const text = diffusionPlot(resultsWith());
  const { document } = parseHTML(text);

  it('is an SVG of its own with a point and a name for each decoding', () => {
    expect(text).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(document.querySelectorAll('[aria-label="dot"] circle')).toHaveLength(figures.length);
    const names = [...document.querySelectorAll('[aria-label="text"] text')].map(
      ({ textContent }) => textContent,
    );
    expect(names.toSorted()).toEqual(figures.map(([label]) => label).toSorted());
    expect(text).not.toMatch(/NaN|undefined/);
  });

  it('has what is faster further to the right, and what is more often right higher', () => {
    const circles = [...document.querySelectorAll('[aria-label="dot"] circle')];
    const [left, right] = [circles[0], circles[circles.length - 1]].map((circle) => ({
      x: Number(circle.getAttribute('cx')),
      y: Number(circle.getAttribute('cy')),
    }));
    // Sorted by accuracy: freedave is first, localleap with credit last.
    expect(left.x).toBeLessThan(right.x);
    expect(left.y).toBeLessThan(right.y);
  });

  it('is the same each time', () => {
    expect(diffusionPlot(resultsWith())).toBe(text);
  });
});
