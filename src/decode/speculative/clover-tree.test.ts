/** Trees of heads that see the guess before their own: what is kept, and what is asked. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Guess } from '../../models/draft-heads/clover-heads.ts';
import { type CloverNode, growTree, levelByLevel, likeliestNodes, likelyTokens } from './clover-tree.ts';

const guessOf = (...probabilities: number[]): Guess => ({
  tokens: Int32Array.from(probabilities, (_, rank) => rank),
  probabilities: Float32Array.from(probabilities),
  state: new Float32Array(),
});

describe('likely tokens', () => {
  it.each([
    [[0.5, 0.3, 0.15, 0.05], 0.95, 3],
    [[0.5, 0.3, 0.15, 0.05], 0.5, 1],
    [[0.8, 0.19, 0.01], 1, 1],
    [[0.4, 0.1, 0.09], 1, 2],
    [[0.1, 0.1, 0.1], 1, 3],
  ])('of %j with a mass of %d are %d', (probabilities, mass, count) => {
    expect(likelyTokens(mass)(guessOf(...probabilities))).toBe(count);
  });
});

describe('a tree', () => {
  const sure = guessOf(0.6, 0.3, 0.1);
  const grow = (nodes: number, prune: typeof levelByLevel, ends: number[] = []) => {
    const asked: number[] = [];
    const follow = async (level: readonly CloverNode[]) => {
      asked.push(level.length);
      return level.map(() => sure);
    };
    const width = ({ tokens }: Pick<Guess, 'tokens'>) => tokens.length;
    return growTree(sure, { levels: 3, width, prune: prune(nodes), ends, follow }).then((tree) => ({
      asked,
      paths: tree.map(pathOf),
    }));
  };
  const pathOf = (node: CloverNode): number[] => [...(node.parent ? pathOf(node.parent) : []), node.token];

  it('level by level spends the budget on the first levels', async () => {
    expect(await grow(4, levelByLevel)).toEqual({ asked: [3, 1], paths: [[0], [1], [2], [0, 0]] });
  });

  it('of the likeliest nodes goes deep where that is likelier', async () => {
    // 0.6, 0.36, 0.3 and 0.216.
    const { asked, paths } = await grow(4, likeliestNodes);
    expect(asked).toEqual([3, 2]);
    expect(new Set(paths.map((path) => path.join()))).toEqual(new Set(['0', '0,0', '1', '0,0,0']));
  });

  it('asks nothing behind an end', async () => {
    const { paths } = await grow(9, likeliestNodes, [0]);
    expect(paths.filter(([first]) => first === 0)).toEqual([[0]]);
  });

  it('has parents before children, different siblings, and no more nodes or levels than it may', async () => {
    const probabilities = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(probabilities),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(levelByLevel, likeliestNodes),
        async (guesses, nodes, levels, prune) => {
          const next = () => {
            const weights = (guesses.next().value as number[]).sort((a, b) => b - a);
            const total = weights.reduce((sum, weight) => sum + weight, 0);
            return guessOf(...weights.map((weight) => weight / total));
          };
          const tree = await growTree(next(), {
            levels,
            width: likelyTokens(0.95),
            prune: prune(nodes),
            ends: [],
            follow: async (level) => level.map(next),
          });
          expect(tree.length).toBeGreaterThan(0);
          expect(tree.length).toBeLessThanOrEqual(nodes);
          expect(new Set(tree.map((node) => pathOf(node).join())).size).toBe(tree.length);
          for (const node of tree) {
            expect(pathOf(node).length).toBeLessThanOrEqual(levels);
            if (node.parent) {
              expect(tree).toContain(node.parent);
              expect(node.probability).toBeLessThanOrEqual(node.parent.probability);
            }
          }
        },
      ),
    );
  });
});
