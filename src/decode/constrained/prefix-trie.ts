/**
 * What ASAp remembers: a trie of the answer tokens drawn so far, and at each node how much of the model's probability
 * leads from there to legal answers (Park et al. 2024, arXiv:2405.21047, section 3: the expected future grammaticality).
 * Only tokens that were drawn have nodes. The legal rest of a node is a sum, so a node costs as much as it has children:
 *
 *   possible(node) = mass(node) - Σ over children p (1 - possible(child))
 *
 * which is the paper's Σ over legal tokens p · possible(child), with 1 for those never drawn. `seen` counts 0 for them
 * instead, so the probability of a legal answer lies between the two at every time.
 */

import type { Choice } from '../sampling/sampler.ts';

/** Legal tokens at a place. */
export interface LegalTokens {
  /** Their probability in all. */
  readonly mass: number;
  readonly count: number;
}

/** A beginning of an answer, by its last token. */
export interface TrieNode {
  readonly parent: TrieNode | undefined;
  /** The token as it is committed; of no meaning at the root. */
  readonly choice: Choice;
  /** Of the token behind those before it, after the sampling options. */
  readonly probability: number;
  readonly children: Map<number, TrieNode>;
  /** Undefined as long as the model has not been asked what follows. */
  legal: LegalTokens | undefined;
  /** Whether an answer ends here. */
  end: boolean;
  /** Most probability, given this beginning, with which the model goes on to a legal answer. Never grows. */
  possible: number;
  /** Probability, given this beginning, of the answers that were drawn. Never shrinks. */
  seen: number;
}

function newNode(parent: TrieNode | undefined, choice: Choice, probability: number): TrieNode {
  const unknown = { legal: undefined, end: false, possible: 1, seen: 0 };
  return { parent, choice, probability, children: new Map(), ...unknown };
}

/** Answers of one model to one prompt under one constraint, remembered across draws. */
export class PrefixTrie {
  readonly root: TrieNode = newNode(undefined, { token: -1, logprob: 0 }, 1);
  /** Nodes. */
  size = 1;
  /** What it is about: prompt, limit and sampling options, as JSON; empty before the first draw. */
  subject = '';
  /** Draws begun; each has random numbers of its own. */
  draws = 0;

  /**
   * Share of the next draw's distribution that lies on answers never drawn. The total variation distance between that
   * distribution and the model's own over legal answers is at most this: on drawn answers the former is P(w) / possible,
   * never above the latter, P(w) / C.
   */
  get unseen(): number {
    const { possible, seen } = this.root;
    return possible > 0 ? Math.max(0, (possible - seen) / possible) : 0;
  }

  /** Adds a drawn token behind a node, or finds it there. */
  add(parent: TrieNode, choice: Choice, probability: number): TrieNode {
    let node = parent.children.get(choice.token);
    if (!node) {
      node = newNode(parent, choice, probability);
      parent.children.set(choice.token, node);
      this.size++;
    }
    return node;
  }

  /** Notes what may follow a node. */
  expand(node: TrieNode, legal: LegalTokens): void {
    node.legal = legal;
    this.settle(node);
  }

  /** Notes that a legal answer ends at a node. */
  close(node: TrieNode): void {
    node.end = true;
    this.settle(node);
  }

  /** Brings a node and all above it up to date. */
  settle(from: TrieNode): void {
    for (let node: TrieNode | undefined = from; node; node = node.parent) this.update(node);
  }

  /** Brings a node up to date with its children. */
  update(node: TrieNode): void {
    if (node.end) node.seen = 1;
    if (node.end || !node.legal) return;
    let [drawn, possible, seen] = [0, 0, 0];
    for (const child of node.children.values()) {
      drawn += child.probability;
      possible += child.probability * child.possible;
      seen += child.probability * child.seen;
    }
    // Where every legal token was drawn, what rounding leaves of the rest is nothing.
    const rest = node.children.size < node.legal.count ? Math.max(0, node.legal.mass - drawn) : 0;
    node.possible = Math.min(node.possible, rest + possible);
    node.seen = Math.max(node.seen, Math.min(seen, node.possible));
  }
}
