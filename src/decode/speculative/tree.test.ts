/** Draft trees: how they grow, and that the likeliest shape is the best there is. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftPaths } from '../testing/draft-paths.ts';
import { depthOf, GrowingTree, likeliestShape, shapedTree } from './tree.ts';

const chains = fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 5 }), { maxLength: 6 });

describe('a growing tree', () => {
  it('has every grafted chain as a path, each prefix once, parents first', () => {
    fc.assert(
      fc.property(chains, (grafted) => {
        const tree = new GrowingTree();
        for (const chain of grafted) tree.graft(chain, Infinity);
        const paths = tree.tokens.map((_, node) => tree.path(node).join());
        const prefixes = grafted.flatMap((chain) => chain.map((_, i) => chain.slice(0, i + 1).join()));
        expect(new Set(paths)).toEqual(new Set(prefixes));
        expect(paths.length).toBe(new Set(paths).size);
        for (const [node, parent] of tree.parents.entries()) expect(parent).toBeLessThan(node);
        expect(depthOf(tree)).toBe(Math.max(0, ...grafted.map((chain) => chain.length)));
      }),
    );
  });

  it('says whether a chain added anything, and keeps to its limit', () => {
    fc.assert(
      fc.property(chains, fc.integer({ min: 0, max: 8 }), (grafted, most) => {
        const tree = new GrowingTree();
        for (const chain of grafted) {
          const before = tree.size;
          expect(tree.graft(chain, most)).toBe(tree.size > before);
          expect(tree.size).toBeLessThanOrEqual(most);
        }
      }),
    );
  });
});

/** Expected accepted tokens of the best tree of at most `nodes` nodes, by trying all. */
function bestValue(accuracies: readonly (readonly number[])[], nodes: number): number {
  const value = (level: number, rank: number, before: number, left: number): number => {
    const accuracy = accuracies[level]?.[rank];
    if (accuracy === undefined || left === 0) return 0;
    // The node, so many more below it, and the rest for its next sibling; or none of these.
    let best = 0;
    for (let below = 0; below < left; below++) {
      const own = before * accuracy;
      const children = value(level + 1, 0, own, below);
      best = Math.max(best, own + children + value(level, rank + 1, before, left - 1 - below));
    }
    return best;
  };
  return value(0, 0, 1, nodes);
}

describe('the likeliest shape', () => {
  const accuracies = fc.array(
    fc
      .array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 3 })
      .map((counts) => counts.toSorted((a, b) => b - a).map((count) => count / 100)),
    { minLength: 1, maxLength: 3 },
  );

  it('expects as many accepted tokens as the best tree of its size', () => {
    fc.assert(
      fc.property(accuracies, fc.integer({ min: 0, max: 6 }), (table, nodes) => {
        const { parents, ranks } = likeliestShape(table, nodes);
        const levels: number[] = [];
        const values: number[] = [];
        for (const [node, parent] of parents.entries()) {
          expect(parent).toBeLessThan(node);
          levels.push(parent < 0 ? 0 : levels[parent] + 1);
          values.push((parent < 0 ? 1 : values[parent]) * table[levels[node]][ranks[node]]);
          // Ranks of siblings have no gap.
          const siblings = ranks.filter((_, other) => other < node && parents[other] === parent);
          expect(siblings.toSorted()).toEqual(Array.from({ length: ranks[node] }, (_, rank) => rank));
        }
        expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(bestValue(table, nodes), 9);
      }),
    );
  });

  it('begins as the tree of Medusa does with its accuracies', () => {
    // Falling ranks and levels: the best of each level first, then the second of the first.
    const table = [
      [0.6, 0.15],
      [0.5, 0.1],
      [0.4, 0.1],
    ];
    const { parents, ranks } = likeliestShape(table, 5);
    expect(parents).toEqual([-1, 0, -1, 1, 2]);
    expect(ranks).toEqual([0, 0, 1, 0, 0]);
  });
});

it('a shape becomes guesses with tokens by level and rank', () => {
  const accuracies = [
    [0.6, 0.3],
    [0.5, 0.4],
  ];
  const shape = likeliestShape(accuracies, 6);
  expect(shape.values.map((value) => Number(value.toFixed(3)))).toEqual([0.6, 0.3, 0.3, 0.24, 0.15, 0.12]);
  const tree = shapedTree(shape, (level, rank) => 10 * level + rank);
  expect(tree.parents).toEqual(shape.parents);
  // The first guess and its two children, and the second guess.
  expect(draftPaths(tree.likeliest(4)).sort()).toEqual(['0', '0,10', '0,11', '1']);
  expect(tree.probabilities.map((value) => Number(value.toFixed(3)))).toEqual([0.6, 0.3, 0.5, 0.4, 0.5, 0.4]);
});
