/** Draft trees while they are built, and their shapes. */

import { childOf, type DraftTree } from '../phases.ts';
import type { Distribution } from '../sampling/distribution.ts';
import { GuessTree } from './guesses.ts';

/** A draft tree that grows: parents before children, siblings with different tokens. */
export class GrowingTree implements DraftTree {
  readonly tokens: number[] = [];
  readonly parents: number[] = [];
  readonly drawnFrom: (Distribution | undefined)[] = [];

  get size(): number {
    return this.tokens.length;
  }

  /** Adds a child of `parent` (-1 for the committed text) and returns its node; a child it already has is kept. */
  add(parent: number, token: number): number {
    const known = childOf(this, parent, token);
    if (known !== -1) return known;
    this.parents.push(parent);
    return this.tokens.push(token) - 1;
  }

  /** Adds a chain of tokens as long as there are at most `most` nodes; whether it added any. */
  graft(chain: readonly number[], most: number): boolean {
    const before = this.size;
    let node = -1;
    for (const token of chain) {
      if (this.size >= most && childOf(this, node, token) === -1) break;
      node = this.add(node, token);
    }
    return this.size > before;
  }

  /** Tokens from the committed text to `node`, its own included. */
  path(node: number): number[] {
    return node < 0 ? [] : [...this.path(this.parents[node]), this.tokens[node]];
  }
}

/** Levels of a tree: nodes on its longest path. */
export function depthOf({ parents }: Pick<DraftTree, 'parents'>): number {
  const depths: number[] = [];
  for (const parent of parents) depths.push(parent < 0 ? 1 : depths[parent] + 1);
  return Math.max(0, ...depths);
}

/** A tree without its tokens: node n is the `ranks[n]`-th best child, from 0, of node `parents[n]`. */
export interface TreeShape {
  parents: readonly number[];
  ranks: readonly number[];
  /** Probability that a node is right, all before it being so; not increasing, so that any beginning is a best tree. */
  values: readonly number[];
}

/** A shape as guesses; `tokenOf` gives the token of a level, from 0, and a rank. */
export function shapedTree(
  { parents, ranks, values }: TreeShape,
  tokenOf: (level: number, rank: number) => number,
): GuessTree {
  const tree = new GuessTree();
  const levels: number[] = [];
  for (const [node, parent] of parents.entries()) {
    const [level, before] = parent < 0 ? [0, 1] : [levels[parent] + 1, values[parent]];
    levels.push(level);
    tree.add(parent, tokenOf(level, ranks[node]), values[node] / before);
  }
  return tree;
}

/**
 * The shape of `nodes` nodes that most accepted tokens are expected from, when the child of rank r at level l is right
 * with probability accuracies[l][r] given that its parent is (Medusa, arXiv:2401.10774, section 2.3.3): a node is
 * right with the product along its path, and the expected length is the sum over nodes, so the best nodes one by one
 * make the best tree. Fewer nodes when there are no more.
 * @param accuracies [levels][ranks], not increasing within a level
 */
export function likeliestShape(accuracies: readonly (readonly number[])[], nodes: number): TreeShape {
  interface Node {
    parent: number;
    rank: number;
    level: number;
    /** Probability of its parent's path, and of its own. */
    before: number;
    value: number;
  }
  const parents: number[] = [];
  const ranks: number[] = [];
  const values: number[] = [];
  const open: Node[] = [];
  const offer = (parent: number, rank: number, level: number, before: number) => {
    const accuracy = accuracies[level]?.[rank] ?? 0;
    if (accuracy > 0) open.push({ parent, rank, level, before, value: before * accuracy });
  };
  offer(-1, 0, 0, 1);
  while (parents.length < nodes && open.length > 0) {
    const best = open.reduce((a, b) => (b.value > a.value ? b : a));
    open.splice(open.indexOf(best), 1);
    const node = parents.push(best.parent) - 1;
    ranks.push(best.rank);
    values.push(best.value);
    offer(best.parent, best.rank + 1, best.level, best.before);
    offer(node, 0, best.level + 1, best.value);
  }
  return { parents, ranks, values };
}
