/** Parallel decoding of all that is sure enough (Fast-dLLM, Wu et al. 2025, arXiv:2505.22618). */

import type { CommitRule } from '../parts.ts';
import { ranked } from './rank.ts';

/** Commits the candidates with confidence >= `threshold`, and the surest one in any case. */
export function thresholdRule(threshold: number): CommitRule {
  return (predictions) =>
    ranked(predictions).filter((index, rank) => rank === 0 || predictions.confidence[index] >= threshold);
}
