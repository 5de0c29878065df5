/**
 * Drafting with a smaller model of the same tokenizer, on a cache of its own. A draft grows level by level, one forward
 * each: the nodes of a level are sequences that share what their paths have in common. What the model rejects is cropped
 * off the draft's cache when the next draft begins; nothing is copied.
 */

import type { Sequence } from '../../cache/index.ts';
import type { ScoreGroup, Scores } from '../../models/forward.ts';
import type { Run } from '../run.ts';
import { type Distribution, softmax } from '../sampling/distribution.ts';
import { type Candidates, drawn, likely } from './candidates.ts';
import type { DraftLane } from './draft-lanes.ts';
import { GrowingTree } from './tree.ts';

/** Rows of a forward that reads the text. */
const readRows = 512;

export interface DraftShape {
  levels: number;
  /** Most nodes of a level: 1 makes a chain. */
  width: number;
  /** Most nodes in all. */
  nodes: number;
}

/** A node whose children are to be drafted. */
interface Leaf {
  node: number;
  /** Holds the text and the path to the node, its own token included. */
  sequence: Sequence;
  /** The draft model's probability of the path. */
  probability: number;
  candidates: Candidates;
}

interface Child {
  node: number;
  parent: Leaf;
  probability: number;
}

export class DraftModel {
  readonly #run: Run;
  readonly #lane: DraftLane;
  readonly #draws: boolean;
  /** Sequences of the last draft, and the tokens that each holds behind the text as it was then. */
  #cached: readonly { sequence: Sequence; tokens: readonly number[] }[];
  /** Tokens of the text that all the sequences hold. */
  #read = 0;

  /**
   * @param draws Draw children from the draft model's distribution, as `resampleDraft` wants them. Otherwise the first
   * child of a node is what the run's own random number chooses, so that it is the model's choice too wherever the
   * two distributions agree, and the others are the most probable ones.
   */
  constructor(run: Run, lane: DraftLane, draws: boolean) {
    this.#run = run;
    this.#lane = lane;
    this.#draws = draws && run.sampler.options.temperature > 0;
    this.#cached = [{ sequence: lane.cache.slots.createSequence(), tokens: [] }];
  }

  /** A draft of at most this shape; shorter or empty where the draft model's context ends. */
  async draft({ levels, width, nodes }: DraftShape): Promise<GrowingTree> {
    const tree = new GrowingTree();
    const text = this.#run.tokens();
    const room = this.#lane.contextLength - text.length;
    if (levels < 1 || room < 0) return tree;
    const sequence = this.#rollBack(text);
    const scores = await this.#readText(sequence, text, width);
    let leaves = [this.#leaf(tree, { node: -1, probability: 1 }, sequence, scores, width)];
    const ended: Leaf[] = [];
    for (let level = 1; ; level++) {
      const children = grow(tree, leaves, Math.min(width, nodes - tree.size));
      // Nothing comes behind an end token.
      const open = children.filter(({ node }) => !this.#run.eosIds.includes(tree.tokens[node]));
      if (open.length === 0 || level === levels || level > room || tree.size >= nodes) break;
      ended.push(...leaves.filter((leaf) => !open.some(({ parent }) => parent === leaf)));
      leaves = await this.#expand(tree, open, width);
    }
    this.#cached = [...ended, ...leaves].map((leaf) => ({
      sequence: leaf.sequence,
      tokens: tree.path(leaf.node),
    }));
    return tree;
  }

  /** Keeps the sequence that agrees with the text furthest, cropped to that, and frees the others. */
  #rollBack(text: readonly number[]): Sequence {
    const { slots } = this.#lane.cache;
    const agreed = this.#cached.map(({ tokens }) => {
      const end = tokens.findIndex((token, i) => token !== text[this.#read + i]);
      // The last token is read again where it was cached: its scores are needed.
      return Math.min(end === -1 ? tokens.length : end, text.length - 1 - this.#read);
    });
    const best = agreed.indexOf(Math.max(...agreed));
    for (const [i, { sequence }] of this.#cached.entries()) if (i !== best) slots.free(sequence);
    const { sequence } = this.#cached[best];
    this.#read += agreed[best];
    slots.crop(sequence, this.#read);
    return sequence;
  }

  /** Reads what is new in the text; scores of its last token. */
  async #readText(sequence: Sequence, text: readonly number[], width: number): Promise<Scores> {
    for (;;) {
      const tokens = text.slice(this.#read, this.#read + readRows);
      const isLast = this.#read + tokens.length === text.length;
      const group = { sequence, tokens, scored: isLast ? [tokens.length - 1] : [] };
      const [scores] = await this.#forward([group], width);
      this.#read += tokens.length;
      if (isLast) return scores;
    }
  }

  /** Runs the children of a level. */
  async #expand(tree: GrowingTree, children: readonly Child[], width: number): Promise<Leaf[]> {
    const { slots } = this.#lane.cache;
    const taken = new Set<Leaf>();
    // The last child takes its parent's sequence over, once the others have forked it.
    const sequences = children
      .toReversed()
      .map(({ parent }) => {
        const isLast = !taken.has(parent);
        taken.add(parent);
        return isLast ? parent.sequence : slots.fork(parent.sequence);
      })
      .toReversed();
    const groups = children.map(({ node }, i) => ({
      sequence: sequences[i],
      tokens: [tree.tokens[node]],
      scored: [0],
    }));
    const scores = await this.#forward(groups, width);
    return children.map((child, i) => this.#leaf(tree, child, sequences[i], scores[i], width));
  }

  /** Runs rows and caches them. */
  async #forward(groups: readonly ScoreGroup[], width: number): Promise<readonly Scores[]> {
    const needsLogits = width > 1 || !this.#run.sampler.argmaxOnly;
    const { newRows, offsets, scores, rows } = await this.#lane.forward(groups, needsLogits);
    for (const [i, { sequence, tokens }] of groups.entries()) {
      const indices = Array.from(tokens, (_, row) => offsets[i] + row);
      this.#lane.cache.commit(sequence, newRows, indices);
    }
    this.#run.statistics.draftForwards++;
    this.#run.statistics.draftRows += rows;
    return scores;
  }

  #leaf(
    tree: GrowingTree,
    { node, probability }: Pick<Child, 'node' | 'probability'>,
    sequence: Sequence,
    scores: Scores,
    width: number,
  ): Leaf {
    const candidates = this.#candidates(scores, tree.path(node), width);
    tree.drawnFrom[node + 1] = candidates.drawnFrom;
    return { node, sequence, probability, candidates };
  }

  #candidates(scores: Scores, path: readonly number[], width: number): Candidates {
    const run = this.#run;
    if (this.#draws) return drawn(run, run.distribution(scores.logits(0), path));
    const { token, logprob } = run.pick(scores, 0, path);
    return likely(width > 1 ? this.#others(scores, path) : only(token, logprob), token);
  }

  /** What may be chosen besides the model's most likely token, at temperature 0 as well. */
  #others(scores: Scores, path: readonly number[]): Distribution {
    const { sampler } = this.#run;
    if (sampler.options.temperature > 0) return this.#run.distribution(scores.logits(0), path);
    return softmax(sampler.shape(scores.logits(0), this.#run.context(path)));
  }
}

const only = (token: number, logprob: number): Distribution => ({
  ids: Int32Array.of(token),
  probs: Float64Array.of(Math.exp(logprob)),
});

/** Adds at most `count` children to a tree, one by one below the leaf where the next is worth most. */
function grow(tree: GrowingTree, leaves: readonly Leaf[], count: number): Child[] {
  const children: Child[] = [];
  const worth = ({ probability, candidates }: Leaf) => probability * candidates.promise;
  while (children.length < count) {
    const parent = leaves.reduce((best, leaf) => (worth(leaf) > worth(best) ? leaf : best));
    const next = parent.candidates.next(tree.size);
    if (!next) break;
    const node = tree.add(parent.node, next.token);
    children.push({ node, parent, probability: parent.probability * next.probability });
  }
  return children;
}
