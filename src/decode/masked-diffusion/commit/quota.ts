/** A fixed number of tokens a step: the base sampler of LLaDA (Nie et al. 2025, arXiv:2502.09992). */

import type { CommitRule } from '../parts.ts';
import { ranked } from './rank.ts';

/** n_j = ⌊m / T⌋ + [j < m mod T]: the share of step j when m masks are committed in T steps. */
export function quota(masks: number, steps: number, step: number): number {
  return Math.floor(masks / steps) + (step < masks % steps ? 1 : 0);
}

/** Commits the surest n_j candidates in step j of a block. */
export function quotaRule(stepsPerBlock: number): CommitRule {
  return (predictions, { blockMasks, blockStep }) =>
    ranked(predictions).slice(0, quota(blockMasks, stepsPerBlock, blockStep));
}
