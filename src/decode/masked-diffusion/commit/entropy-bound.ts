/**
 * Parallel decoding within an entropy budget (EB-Sampler, Ben-Hamu et al. 2025, arXiv:2505.24857; the sampler of
 * DiffusionGemma): the mutual information of k tokens is at most the sum of their entropies without the largest, so
 * tokens are taken together while that sum is small.
 */

import type { CommitRule } from '../parts.ts';
import { ranked } from './rank.ts';

/**
 * Takes the k candidates of least entropy for the largest k with H₍₁₎ + … + H₍k₋₁₎ <= `bound`, in nats; one in any case.
 * Confidence must be the negative entropy.
 */
export function entropyBoundRule(bound: number): CommitRule {
  return (predictions) => {
    const order = ranked(predictions);
    let sum = 0;
    const end = order.findIndex((index) => {
      const isOver = sum > bound;
      sum -= predictions.confidence[index];
      return isOver;
    });
    return end === -1 ? order : order.slice(0, end);
  };
}
