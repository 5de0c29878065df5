/** The order in which candidates are committed. */

import type { Predictions } from '../parts.ts';

/** Candidates by falling confidence, the lowest position on ties. */
export function ranked({ candidates, confidence }: Predictions): number[] {
  return candidates.toSorted((a, b) =>
    confidence[a] === confidence[b] ? a - b : confidence[b] - confidence[a],
  );
}
