/**
 * How many levels a draft should have. With each level right with probability a, given that the one before it is, k of
 * them give 1 + a + … + aᵏ tokens on average (Leviathan et al. 2023, arXiv:2211.17192, equation 1) and cost k forwards
 * of the draft model and one of the model with all nodes as rows. The best k has the most tokens for its cost.
 */

import type { LanguageModel } from '../../models/language-model.ts';

/** Costs in one-row forwards of the model that answers. */
export interface DraftCosts {
  /** A level of the draft, or the whole of a tree. */
  draft: number;
  rows: RowCost;
}

/** Cost of a forward over so many rows in forwards over one. */
export type RowCost = (count: number) => number;

/**
 * Cost of a forward by its rows, as measured with SmolLM2 in 8 bits (docs/performance.md); linear in between and beyond.
 * Declared rather than measured while decoding, so that the same options draft the same tokens on every machine of a kind.
 */
const rowCosts: Readonly<Record<'cheap' | 'dear', readonly (readonly [rows: number, cost: number])[]>> = {
  /** With VNNI or AMX. */
  cheap: [
    [1, 1],
    [2, 1.1],
    [4, 1.2],
    [8, 1.35],
    [16, 1.9],
    [32, 2.8],
    [64, 4.8],
  ],
  /** Without. */
  dear: [
    [1, 1],
    [2, 1.05],
    [4, 1.4],
    [8, 2.2],
    [16, 3.2],
  ],
};

/** What rows cost on the processor that a model runs on. */
export function declaredRowCost(model: Pick<LanguageModel, 'cheapRows'> | undefined): RowCost {
  const table = rowCosts[model?.cheapRows ? 'cheap' : 'dear'];
  return (count) => {
    const next = table.findIndex(([rows]) => rows >= count);
    const upper = next === -1 ? table.length - 1 : Math.max(1, next);
    const [[x0, y0], [x1, y1]] = [table[upper - 1], table[upper]];
    return y0 + ((count - x0) * (y1 - y0)) / (x1 - x0);
  };
}

/** Levels with the most tokens for their cost, from 0 to `most`; each level has `width` nodes. */
export function bestLength(acceptance: number, costs: DraftCosts, most: number, width = 1): number {
  let best = 0;
  let bestRate = 1 / costs.rows(1);
  let tokens = 1;
  for (let levels = 1; levels <= most; levels++) {
    tokens += acceptance ** levels;
    const rate = tokens / (levels * costs.draft + costs.rows(1 + levels * width));
    if (rate > bestRate) [best, bestRate] = [levels, rate];
  }
  return best;
}

/**
 * Nodes of a draft tree with the most tokens for their cost, from none to all.
 * @param values Probability that each node is accepted, not increasing.
 * @param draft Cost of making the tree, in one-row forwards, which is spent already.
 */
export function worthwhileNodes(values: readonly number[], { draft, rows }: DraftCosts): number {
  let best = 0;
  let tokens = 1;
  let bestRate = tokens / (draft + rows(1));
  for (const [n, value] of values.entries()) {
    tokens += value;
    const rate = tokens / (draft + rows(n + 2));
    if (rate > bestRate) [best, bestRate] = [n + 1, rate];
  }
  return best;
}

/** What a run is taken to accept before anything is known, and how many levels' worth of evidence that is. */
const prior = { acceptance: 0.8, weight: 4 };
/** Weight of older drafts after each new one. */
const memory = 0.9;
/** A draft is tried again after so many steps without one, in case the text has become easier. */
const patience = 8;

/** The length of a run's next draft, from what became of those before. */
export class DraftLength {
  readonly #costs: DraftCosts;
  readonly #most: number;
  readonly #width: number;
  #right = prior.acceptance * prior.weight;
  #judged = prior.weight;
  #idle = 0;

  constructor(costs: DraftCosts, most: number, width = 1) {
    this.#costs = costs;
    this.#most = most;
    this.#width = width;
  }

  /** Estimated probability that a level is right when those before it are. */
  get acceptance(): number {
    return this.#right / this.#judged;
  }

  /** Levels to draft now. Call it once a step. */
  next(): number {
    const length = bestLength(this.acceptance, this.#costs, this.#most, this.#width);
    this.#idle = length > 0 ? 0 : this.#idle + 1;
    if (this.#idle < patience) return length;
    this.#idle = 0;
    return 1;
  }

  /** Takes note of a draft of `levels` levels, of which `accepted` were right; one behind a wrong one says nothing. */
  observe(accepted: number, levels: number): void {
    this.#right = memory * this.#right + accepted;
    this.#judged = memory * this.#judged + Math.min(levels, accepted + 1);
  }
}
