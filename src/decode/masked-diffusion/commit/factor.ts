/**
 * Parallel decoding where the bar rises with the number of tokens (Fast-dLLM, Wu et al. 2025, arXiv:2505.22618,
 * theorem 1): n tokens may be decoded together, as if one after the other, when their probabilities are high enough.
 */

import type { CommitRule } from '../parts.ts';
import { ranked } from './rank.ts';

/** Commits the n surest candidates for the largest n with (n + 1)(1 - c_(n)) < f; one in any case. */
export function factorRule(factor: number): CommitRule {
  return (predictions) => {
    const order = ranked(predictions);
    let count = order.length;
    while (count > 1 && (count + 1) * (1 - predictions.confidence[order[count - 1]]) >= factor) count--;
    return order.slice(0, count);
  };
}
