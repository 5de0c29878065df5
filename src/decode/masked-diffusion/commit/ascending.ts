/**
 * Ascending steps (ASS, arXiv:2509.23924): what is known grows with the canvas, so each step may commit twice as many
 * tokens as the one before, and a canvas of G = 2^S tokens takes S steps.
 */

import type { CommitRule } from '../parts.ts';
import { ranked } from './rank.ts';

/** S = ⌊log2 G⌋, and one for a single token. */
export function ascendingSteps(length: number): number {
  return Math.max(1, 31 - Math.clz32(length));
}

/** Tokens by step: 1, 2, 4, …, 2^(S-2), and in the last step all that is left. */
export function ascendingQuotas(length: number): number[] {
  const last = ascendingSteps(length) - 1;
  return Array.from({ length: last + 1 }, (_, step) => (step < last ? 2 ** step : length - (2 ** last - 1)));
}

/**
 * Lengths of `count` blocks: from the second on each is as long as its one step is large; the first takes the steps
 * before those.
 */
export function ascendingBlocks(length: number, count: number): number[] {
  const quotas = ascendingQuotas(length);
  const inFirst = quotas.length - count + 1;
  const first = quotas.slice(0, inFirst).reduce((sum, quota) => sum + quota, 0);
  return [first, ...quotas.slice(inFirst)];
}

/** Commits the surest `quotas[step]` candidates; all of them behind the last step. */
export function quotasRule(quotas: readonly number[]): CommitRule {
  return (predictions, { step }) => ranked(predictions).slice(0, quotas[step]);
}
