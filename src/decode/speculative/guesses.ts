/**
 * Guesses of how a text goes on, from one source or several, each with a probability of being right. A node is right with the
 * product along its path, and a draft is made of the nodes that are likeliest to be.
 */

import { childOf, type DraftTree } from '../phases.ts';
import { type DraftCosts, worthwhileNodes } from './draft-length.ts';

/** Guesses as a tree: parents before children, siblings with different tokens. */
export class GuessTree implements DraftTree {
  readonly tokens: number[] = [];
  readonly parents: number[] = [];
  /** Of each node, its parent being right. */
  readonly probabilities: number[] = [];

  /**
   * Adds a child of `parent` (-1 for the committed text) and returns its node. Of two that guess the same, independently, one
   * is right with 1 - (1 - p)(1 - q).
   */
  add(parent: number, token: number, probability: number): number {
    const known = childOf(this, parent, token);
    if (known === -1) {
      this.parents.push(parent);
      this.probabilities.push(probability);
      return this.tokens.push(token) - 1;
    }
    this.probabilities[known] = 1 - (1 - this.probabilities[known]) * (1 - probability);
    return known;
  }

  /** Adds the guesses of another source. */
  join({ tokens, parents, probabilities }: GuessTree): this {
    const places: number[] = [];
    for (const [node, token] of tokens.entries())
      places.push(this.add(parents[node] < 0 ? -1 : places[parents[node]], token, probabilities[node]));
    return this;
  }

  /** The likeliest nodes, at most `most`: all, or as many as pay. */
  likeliest(most: number, costs?: DraftCosts): DraftTree {
    const values: number[] = [];
    for (const [node, parent] of this.parents.entries())
      values.push((parent < 0 ? 1 : values[parent]) * this.probabilities[node]);
    // Sorting is stable, so a parent stays before a child that is as likely.
    const order = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, most);
    const sorted = order.map((node) => values[node]);
    const chosen = costs ? order.slice(0, worthwhileNodes(sorted, costs)) : order;
    const places = new Map(chosen.map((node, place) => [node, place]));
    return {
      tokens: chosen.map((node) => this.tokens[node]),
      parents: chosen.map((node) => places.get(this.parents[node]) ?? -1),
    };
  }
}

/**
 * Heads are surer than they are right on other people's questions: of what SmolLM2's call 60 to 70% likely, Medusa's are right about
 * 50% and Clover's about 56%. This power of what they say is about what comes true (`npx tsx proofs/engine/draft-odds.ts`).
 */
export const howOftenRight = (stated: number): number => stated ** 1.3;
