/** Learned parallel decoding (Learn2PD, 2025): a filter says which predictions are final already. */

import { blockConfidences, type ConfidenceFilter } from '../confidence-filter.ts';
import type { CanvasView, CommitRule, Predictions } from '../parts.ts';
import { ranked } from './rank.ts';

/** Indices of the candidates that the filter accepts: sigmoid(z) > τ. */
export function acceptedBy(
  filter: ConfidenceFilter,
  tau: number,
  predictions: Predictions,
  { block }: CanvasView,
): Set<number> {
  const { positions, candidates } = predictions;
  const confidences = blockConfidences(predictions, block, filter.facts.blockLength);
  const probabilities = filter.probabilities(confidences);
  return new Set(candidates.filter((index) => probabilities[positions[index] - block.start] > tau));
}

/**
 * Commits what is accepted, and what the schedule would commit in any case.
 * @param accepted asked once a step, about the same predictions
 */
export function learnedRule(
  accepted: (predictions: Predictions, canvas: CanvasView) => ReadonlySet<number>,
  schedule: CommitRule,
): CommitRule {
  return (predictions, canvas) => {
    const final = accepted(predictions, canvas);
    const scheduled = new Set(schedule(predictions, canvas));
    return ranked(predictions).filter((index) => final.has(index) || scheduled.has(index));
  };
}
