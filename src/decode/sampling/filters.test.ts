import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepMinP, keepTopK, keepTopP, keepTypical } from './filters.ts';

type Filter = (logits: Float32Array, parameter: number) => void;

/** The ids a filter keeps; checks that their logits are untouched. */
function kept(filter: Filter, logits: Float32Array, parameter: number): number[] {
  const row = logits.slice();
  filter(row, parameter);
  const ids = [...row.keys()].filter((id) => row[id] !== -Infinity);
  for (const id of ids) expect(row[id]).toBe(logits[id]);
  return ids;
}

/** Definitions written down plainly: every token, sorted, one after the other. */
const naive = {
  probabilities(logits: Float32Array): number[] {
    const max = Math.max(...logits);
    const weights = Array.from(logits, (logit) => Math.exp(logit - max));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  },
  topK(logits: Float32Array, k: number): number[] {
    const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
    return order.slice(0, k).sort((a, b) => a - b);
  },
  /** | -log p - H |, H being the entropy. */
  distances(logits: Float32Array): number[] {
    const p = naive.probabilities(logits);
    const entropy = p.reduce((sum, value) => (value > 0 ? sum - value * Math.log(value) : sum), 0);
    return p.map((value) => Math.abs(-Math.log(value) - entropy));
  },
  minP(logits: Float32Array, ratio: number): number[] {
    const p = naive.probabilities(logits);
    const max = Math.max(...p);
    return [...p.keys()].filter((id) => p[id] >= ratio * max);
  },
};

/** Rows with distinct logits far enough apart that rounding cannot reorder them, short and longer than the head. */
const spread = fc.double({ min: 0.5, max: 30, noNaN: true });
const distinctRow = fc
  .tuple(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 1000 }), spread)
  .map(([length, seed, scale]) => {
    const step = 7919 + seed;
    return Float32Array.from({ length }, (_, id) => ((((id * step) % 10_007) + id / 700) / 10_007) * scale);
  });
const mass = fc.double({ min: 0, max: 1, noNaN: true });

/**
 * That `ids` are the shortest prefix of the tokens by ascending `distance` with at least `mass`, where sums and
 * distances may differ by rounding (so that two tokens at equal distance may come in either order).
 */
function expectShortestPrefix(
  ids: number[],
  logits: Float32Array,
  distance: ArrayLike<number>,
  mass: number,
): void {
  const p = naive.probabilities(logits);
  const isKept = new Set(ids);
  const farthest = Math.max(...ids.map((id) => distance[id]));
  const closestDropped = Math.min(...[...p.keys()].filter((id) => !isKept.has(id)).map((id) => distance[id]));
  expect(closestDropped).toBeGreaterThanOrEqual(farthest - 1e-5);
  const sum = ids.reduce((total, id) => total + p[id], 0);
  if (ids.length < p.length) expect(sum).toBeGreaterThanOrEqual(mass - 1e-9);
  const heaviest = Math.max(...ids.filter((id) => distance[id] >= farthest - 1e-5).map((id) => p[id]));
  if (ids.length > 1) expect(sum - heaviest).toBeLessThan(mass + 1e-9);
}

describe('filters equal their definitions', () => {
  it('top-k', () => {
    fc.assert(
      fc.property(distinctRow, fc.integer({ min: 1, max: 650 }), (logits, k) => {
        expect(kept(keepTopK, logits, k)).toEqual(naive.topK(logits, k));
      }),
    );
  });

  it('top-p', () => {
    fc.assert(
      fc.property(distinctRow, mass, (logits, p) => {
        expectShortestPrefix(
          kept(keepTopP, logits, p),
          logits,
          logits.map((logit) => -logit),
          p,
        );
      }),
    );
  });

  it('typical', () => {
    fc.assert(
      fc.property(distinctRow, mass, (logits, p) => {
        expectShortestPrefix(kept(keepTypical, logits, p), logits, naive.distances(logits), p);
      }),
    );
  });

  it('min-p', () => {
    fc.assert(
      fc.property(distinctRow, mass, (logits, ratio) => {
        expect(kept(keepMinP, logits, ratio)).toEqual(naive.minP(logits, ratio));
      }),
    );
  });
});

describe('ties and edges', () => {
  const flat = new Float32Array(10).fill(1.5);

  it('lower ids stay on ties', () => {
    expect(kept(keepTopK, flat, 3)).toEqual([0, 1, 2]);
    expect(kept(keepTopP, flat, 0.25)).toEqual([0, 1, 2]);
    expect(kept(keepTypical, flat, 0.25)).toEqual([0, 1, 2]);
    expect(kept(keepMinP, flat, 1)).toEqual([...flat.keys()]);
  });

  it('lower ids stay on ties beyond the head', () => {
    const wide = new Float32Array(1000).fill(-2);
    const first600 = [...wide.keys()].slice(0, 600);
    expect(kept(keepTopK, wide, 600)).toEqual(first600);
    expect(kept(keepTopP, wide, 0.5995)).toEqual(first600);
    expect(kept(keepTypical, wide, 0.5995)).toEqual(first600);
  });

  it('at least one token stays', () => {
    const logits = Float32Array.of(1, 3, 2);
    expect(kept(keepTopP, logits, 0)).toEqual([1]);
    expect(kept(keepTypical, logits, 0)).toHaveLength(1);
    expect(kept(keepMinP, logits, 1)).toEqual([1]);
  });

  it('typical may drop the most likely token', () => {
    const probabilities = [0.4, ...new Array<number>(60).fill(0.01)];
    const logits = Float32Array.from(probabilities, Math.log);
    expect(kept(keepTypical, logits, 0.3)).not.toContain(0);
  });

  it('work on what earlier stages left', () => {
    const logits = Float32Array.of(5, -Infinity, 5, -Infinity, -Infinity);
    expect(kept(keepTopK, logits, 3)).toEqual([0, 2]);
    expect(kept(keepTopP, logits, 0.6)).toEqual([0, 2]);
    expect(kept(keepTopP, logits, 0.4)).toEqual([0]);
    expect(kept(keepTypical, logits, 0.6)).toEqual([0, 2]);
    expect(kept(keepMinP, logits, 0)).toEqual([0, 2]);
  });
});
