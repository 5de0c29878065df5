/**
 * Guesses from the text: what followed its last tokens where they stood before, and how likely it is to follow again. The
 * longer the run of last tokens that stands there, the likelier; a token that was right makes the run longer by one. So one
 * probability for each length of run says how likely a whole continuation is, and each text teaches its own.
 */

import { z } from 'zod';
import { childOf } from '../phases.ts';
import { GuessTree } from './guesses.ts';

export const lookupOptions = z.strictObject({
  ngramMax: z.int().min(1).max(16).default(8).describe('Longest run of last tokens to look for, in tokens.'),
  ngramMin: z.int().min(1).max(16).default(1).describe('Shortest run of last tokens to look for, in tokens.'),
  draftTokens: z
    .int()
    .min(1)
    .max(64)
    .default(15)
    .describe('Most tokens drafted in a step, all branches together.'),
  branches: z.int().min(1).max(8).default(1).describe('How many earlier occurrences to draft from at once.'),
});
export type LookupOptions = z.output<typeof lookupOptions>;

/** How likely a token is to follow again behind a run of 1, 2, … tokens: SmolLM2's answers (`npx tsx proofs/engine/draft-odds.ts`). */
const prior = [0.25, 0.5, 0.62, 0.65, 0.7, 0.75, 0.85, 0.92];
/** How many tokens' worth of evidence that is, and the weight of older tokens after each new one. */
const priorWeight = 5;
const memory = 0.95;

/** Places behind earlier occurrences of the longest run of last tokens that has any, latest first, and its length. */
export function occurrences(
  text: readonly number[],
  { ngramMax, ngramMin }: Pick<LookupOptions, 'ngramMax' | 'ngramMin'>,
): { length: number; places: number[] } {
  const last = text.length - 1;
  let [length, places]: [number, number[]] = [ngramMin, []];
  for (let end = last - 1; end >= 0; end--) {
    let matched = 0;
    while (matched < ngramMax && matched <= end && text[end - matched] === text[last - matched]) matched++;
    if (matched > length) [length, places] = [matched, []];
    if (matched === length) places.push(end + 1);
  }
  return { length, places };
}

/** Looks up continuations for one run, and learns from what they become. */
export class LookedUp {
  readonly #options: LookupOptions;
  readonly #right = prior.map((probability) => probability * priorWeight);
  readonly #judged = prior.map(() => priorWeight);
  #last: { chain: readonly number[]; length: number; from: number } = { chain: [], length: 0, from: 0 };

  constructor(options: LookupOptions = lookupOptions.parse({})) {
    this.#options = options;
  }

  /**
   * Continuations of a text that goes on where the last call's did.
   * @param room Most levels.
   */
  guess(text: readonly number[], room: number): GuessTree {
    this.#learn(text);
    const { length, places } = occurrences(text, this.#options);
    const levels = Math.min(this.#options.draftTokens, room);
    const chainAt = (place: number) => text.slice(place, place + levels);
    this.#last = { chain: places.length > 0 ? chainAt(places[0]) : [], length, from: text.length };
    const tree = new GuessTree();
    let branches = 0;
    for (const place of places) {
      if (branches === this.#options.branches) break;
      if (this.#graft(tree, chainAt(place), length)) branches++;
    }
    return tree;
  }

  /** Adds a continuation; whether it added any node. One behind others of the same parent gets what these leave. */
  #graft(tree: GuessTree, chain: readonly number[], length: number): boolean {
    const before = tree.tokens.length;
    let node = -1;
    for (const [level, token] of chain.entries()) {
      const known = childOf(tree, node, token);
      if (known === -1) {
        const left = tree.parents.reduce(
          (sum, parent, i) => (parent === node ? sum - tree.probabilities[i] : sum),
          1,
        );
        node = tree.add(node, token, this.#probability(length + level) * left);
      } else node = known;
    }
    return tree.tokens.length > before;
  }

  /** How likely a token is to follow again behind a run of so many. */
  #probability(length: number): number {
    const bin = binOf(length);
    return this.#right[bin] / this.#judged[bin];
  }

  /** Compares the last continuation with how the text went on, whichever draft that was taken from. */
  #learn(text: readonly number[]): void {
    const { chain, length, from } = this.#last;
    for (const [level, token] of chain.entries()) {
      if (from + level >= text.length) return;
      const isRight = text[from + level] === token;
      const bin = binOf(length + level);
      this.#right[bin] = memory * this.#right[bin] + Number(isRight);
      this.#judged[bin] = memory * this.#judged[bin] + 1;
      if (!isRight) return;
    }
  }
}

const binOf = (length: number): number => Math.min(length, prior.length) - 1;
