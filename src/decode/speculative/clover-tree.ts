/** Draft trees of heads that are told the tokens before their own: grown level by level, a call of the heads each. */

import type { Guess } from '../../models/draft-heads/clover-heads.ts';
import type { Ranked } from '../../models/draft-heads/ranked.ts';
import { howOftenRight } from './guesses.ts';

/** A drafted token. */
export interface CloverNode {
  parent: CloverNode | undefined;
  token: number;
  /** Of being right, its parent being so; and of its path being right. */
  given: number;
  probability: number;
  /** What it is one of. */
  guess: Guess;
}

/** Which nodes are kept of those that were and of a new level's. */
export type Pruning = (kept: readonly CloverNode[], level: readonly CloverNode[]) => CloverNode[];

/** Tokens that may become nodes, as a number of the first ones of a guess. */
export type Width = (guess: Ranked) => number;

const likeliest = (nodes: readonly CloverNode[], count: number) =>
  [...nodes].sort((a, b) => b.probability - a.probability).slice(0, count);

/** The most probable nodes of all levels; later ones may push earlier ones out, never their own parents. */
export const likeliestNodes =
  (nodes: number): Pruning =>
  (kept, level) =>
    likeliest([...kept, ...level], nodes);

/** Clover's: the most probable nodes of each level, as many as those before have left (see clover.ts). */
export const levelByLevel =
  (nodes: number): Pruning =>
  (kept, level) => [...kept, ...likeliest(level, nodes - kept.length)];

/** Clover's: tokens up to a mass of `share`, without those less than a quarter as probable as the first. */
export const likelyTokens =
  (share: number): Width =>
  ({ probabilities }) => {
    let mass = 0;
    const end = probabilities.findIndex((probability) => {
      const isLeft = mass >= share || probability < probabilities[0] / 4;
      mass += probability;
      return isLeft;
    });
    return end === -1 ? probabilities.length : end;
  };

export interface CloverGrowth {
  levels: number;
  width: Width;
  prune: Pruning;
  /** Tokens that nothing comes behind. */
  ends: readonly number[];
  /** Guesses behind nodes. */
  follow(nodes: readonly CloverNode[]): Promise<readonly Guess[]>;
}

/** Grows a tree behind the first head's guess; its nodes, parents before children. */
export async function growTree(
  first: Guess,
  { levels, width, prune, ends, follow }: CloverGrowth,
): Promise<CloverNode[]> {
  let kept: CloverNode[] = [];
  let open: { parent: CloverNode | undefined; guess: Guess }[] = [{ parent: undefined, guess: first }];
  for (let level = 1; ; level++) {
    const children = open.flatMap(({ parent, guess }) =>
      Array.from({ length: width(guess) }, (_, rank) => {
        const given = howOftenRight(guess.probabilities[rank]);
        const probability = (parent?.probability ?? 1) * given;
        return { parent, guess, token: guess.tokens[rank], given, probability };
      }),
    );
    kept = prune(kept, children);
    const alive = children.filter((child) => kept.includes(child) && !ends.includes(child.token));
    if (level === levels || alive.length === 0) return kept;
    const guesses = await follow(alive);
    open = alive.map((parent, n) => ({ parent, guess: guesses[n] }));
  }
}
