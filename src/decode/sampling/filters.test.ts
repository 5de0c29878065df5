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
  untilMass(probabilities: number[], order: number[], mass: number): number[] {
    const ids: number[] = [];
    let sum = 0;
    for (const id of order) {
      ids.push(id);
      sum += probabilities[id];
      if (sum >= mass) break;
    }
    return ids.sort((a, b) => a - b);
  },
  topK(logits: Float32Array, k: number): number[] {
    const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
    return order.slice(0, k).sort((a, b) => a - b);
  },
  topP(logits: Float32Array, mass: number): number[] {
    const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
    return naive.untilMass(naive.probabilities(logits), order, mass);
  },
  typical(logits: Float32Array, mass: number): number[] {
    const p = naive.probabilities(logits);
    const entropy = p.reduce((sum, value) => (value > 0 ? sum - value * Math.log(value) : sum), 0);
    const distance = p.map((value) => Math.fround(Math.abs(-Math.log(value) - entropy)));
    const order = [...p.keys()].sort((a, b) => distance[a] - distance[b] || a - b);
    return naive.untilMass(p, order, mass);
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
        expect(kept(keepTopP, logits, p)).toEqual(naive.topP(logits, p));
      }),
    );
  });

  it('typical', () => {
    fc.assert(
      fc.property(distinctRow, mass, (logits, p) => {
        expect(kept(keepTypical, logits, p)).toEqual(naive.typical(logits, p));
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
