/** Trees of guesses: what two sources make of one guess, and that the likeliest nodes are drafted. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftPaths } from '../testing/draft-paths.ts';
import { GuessTree } from './guesses.ts';

interface Guess {
  /** Number of the node it is behind, of those there are so far. */
  behind: number;
  token: number;
  probability: number;
}

const guesses = fc.array(
  fc.record({
    behind: fc.nat(),
    token: fc.integer({ min: 0, max: 3 }),
    probability: fc.constantFrom(0, 0.1, 0.25, 0.5, 0.9, 1),
  }),
  { maxLength: 12 },
);

function treeOf(guesses: readonly Guess[]): GuessTree {
  const tree = new GuessTree();
  for (const { behind, token, probability } of guesses)
    tree.add((behind % (tree.tokens.length + 1)) - 1, token, probability);
  return tree;
}

/** Probability of each path. */
function valuesOf(tree: GuessTree): Map<string, number> {
  const values: number[] = [];
  for (const [node, parent] of tree.parents.entries())
    values.push((parent < 0 ? 1 : values[parent]) * tree.probabilities[node]);
  return new Map(draftPaths(tree).map((path, node) => [path, values[node]]));
}

describe('a tree of guesses', () => {
  it('gives the likeliest nodes as a draft, parents before children', () => {
    fc.assert(
      fc.property(guesses, fc.integer({ min: 0, max: 12 }), (given, most) => {
        const tree = treeOf(given);
        const values = valuesOf(tree);
        const draft = tree.likeliest(most);
        for (const [node, parent] of draft.parents.entries()) expect(parent).toBeLessThan(node);
        const chosen = draftPaths(draft).map((path) => values.get(path)!);
        const best = [...values.values()].sort((a, b) => b - a).slice(0, most);
        expect(chosen).toEqual(best);
      }),
    );
  });

  it('drafts nothing where rows cost as much as they bring, and all that is likely where they are free', () => {
    fc.assert(
      fc.property(guesses, (given) => {
        const tree = treeOf(given);
        expect(tree.likeliest(12, { draft: 0, rows: (count) => count }).tokens).toEqual([]);
        const possible = [...valuesOf(tree).values()].filter((value) => value > 0).length;
        expect(tree.likeliest(12, { draft: 0, rows: () => 1 }).tokens).toHaveLength(possible);
      }),
    );
  });

  it('joined with another has the paths of both, and is surer where they agree', () => {
    fc.assert(
      fc.property(guesses, guesses, (one, other) => {
        const [a, b] = [treeOf(one), treeOf(other)];
        const own = new Map(draftPaths(a).map((path, node) => [path, a.probabilities[node]]));
        const joined = a.join(b);
        const theirs = new Map(draftPaths(b).map((path, node) => [path, b.probabilities[node]]));
        const paths = draftPaths(joined);
        expect(new Set(paths)).toEqual(new Set([...own.keys(), ...theirs.keys()]));
        expect(paths.length).toBe(new Set(paths).size);
        for (const [node, path] of paths.entries()) {
          const wrong = (1 - (own.get(path) ?? 0)) * (1 - (theirs.get(path) ?? 0));
          expect(joined.probabilities[node]).toBeCloseTo(1 - wrong, 12);
        }
      }),
    );
  });
});
