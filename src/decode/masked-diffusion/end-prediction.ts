/**
 * End-of-text prediction (EoTP, Learn2PD, 2025): as soon as an end token is predicted, the canvas is cut behind it, so
 * that padding is neither decoded nor run through the model.
 */

import { vacant } from '../run.ts';
import type { StopRule } from './parts.ts';

/**
 * Which predicted ends count where no filter has accepted one: any; those of a confidence; those that were predicted in
 * the step before as well.
 */
export type EndGuard = { by: 'any' } | { by: 'confidence'; least: number } | { by: 'persistence' };

export interface EndPrediction {
  endIds: readonly number[];
  guard: EndGuard;
  /** Indices that a filter has accepted in this step. */
  accepted(): ReadonlySet<number>;
}

/**
 * Cuts behind the leftmost end that was accepted and committed; without one behind the surest end predicted for any
 * position of the canvas that was masked in this step. All masked positions must have been looked at. The end itself
 * may stay masked, and become another token.
 */
export function endOfText({ endIds, guard, accepted }: EndPrediction): StopRule {
  let before: ReadonlySet<number> = new Set();
  return (committed, { positions, tokens, confidence }, canvas) => {
    const wasMasked = (index: number) =>
      canvas.tokens[positions[index]] === vacant || committed.includes(index);
    const ends = [...positions.keys()].filter((index) => endIds.includes(tokens[index]) && wasMasked(index));
    const known = before;
    before = new Set(ends.map((index) => positions[index]));
    const final = ends.find((index) => accepted().has(index));
    if (final !== undefined) return positions[final] + 1;
    const counts = (index: number): boolean => {
      if (guard.by === 'confidence') return confidence[index] >= guard.least;
      return guard.by === 'any' || known.has(positions[index]);
    };
    const surest = ends
      .filter(counts)
      .reduce((best, index) => (best < 0 || confidence[index] > confidence[best] ? index : best), -1);
    return surest < 0 ? undefined : positions[surest] + 1;
  };
}
