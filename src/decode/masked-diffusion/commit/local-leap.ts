/**
 * Local determinism (LocalLeap, arXiv:2510.07081): next to a prediction that the model is very sure of, an anchor, the
 * other predictions are usually final too, only less confident. The effect fades with distance.
 */

import type { CommitRule } from '../parts.ts';
import { ranked } from './rank.ts';

export interface LocalLeap {
  /** τ_high: who reaches it is an anchor, and is committed wherever it stands. */
  threshold: number;
  /** τ_low, for positions close to an anchor; τ_high when that is lower. */
  relaxed: number;
  /** W: how far from an anchor a position may be. */
  radius: number;
  /** The bar rises evenly from τ_low at distance 1 to τ_high at W + 1; otherwise it is τ_low throughout. */
  decay: boolean;
  /** Predictions of these tokens are no anchors. */
  weak: readonly number[];
}

/** The bar for a position at distance d from the nearest anchor, Infinity without one. */
export function barAt(
  { threshold, relaxed, radius, decay }: Omit<LocalLeap, 'weak'>,
  distance: number,
): number {
  const low = Math.min(relaxed, threshold);
  if (distance === 0 || distance > radius) return threshold;
  return decay ? low + ((threshold - low) * (distance - 1)) / radius : low;
}

/**
 * Commits the candidates with c ≥ τ(d), d the distance to the nearest anchor among the candidates, and the surest one in
 * any case. What passes the lower bar is no anchor in the same step.
 */
export function localLeapRule(leap: LocalLeap): CommitRule {
  return (predictions) => {
    const { positions, candidates, confidence, tokens } = predictions;
    const anchors = candidates.filter(
      (index) => confidence[index] >= leap.threshold && !leap.weak.includes(tokens[index]),
    );
    const distance = (index: number): number => {
      let nearest = Number.POSITIVE_INFINITY;
      for (const anchor of anchors)
        nearest = Math.min(nearest, Math.abs(positions[anchor] - positions[index]));
      return nearest;
    };
    return ranked(predictions).filter(
      (index, rank) => rank === 0 || confidence[index] >= barAt(leap, distance(index)),
    );
  };
}
