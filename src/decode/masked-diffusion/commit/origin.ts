/**
 * The sampler that the training objective itself describes (Dream's `origin`; Austin et al. 2021, "Structured
 * Denoising Diffusion Models in Discrete State-Spaces"): from time t to time s each mask is committed with probability
 * 1 - s/t, independently of the others. The number of tokens in a step is random, and may be none.
 */

import type { CommitRule } from '../parts.ts';

/** Time of the last step. */
const epsilon = 1e-3;

/**
 * Commits each candidate whose confidence, which must be uniform on [0, 1), is at least s/t; all of them in the last
 * step. Times go from 1 to ε in equal steps.
 */
export function originRule(stepsPerBlock: number): CommitRule {
  return ({ candidates, confidence }, { blockMasks, blockStep }) => {
    // A last block that is shorter than the others has fewer steps.
    const steps = Math.min(stepsPerBlock, blockMasks);
    if (blockStep >= steps - 1) return candidates;
    const time = (step: number) => 1 - (step / steps) * (1 - epsilon);
    const kept = time(blockStep + 1) / time(blockStep);
    return candidates.filter((index) => confidence[index] >= kept);
  };
}
