/** How good a filter is: false accepts, and the bar that allows few enough of them. */

import type { Judged } from '../../tasks/area-under-curve.ts';

export interface Acceptance {
  /** Predictions with a score above the bar, and those of them that were wrong. */
  accepted: number;
  wrong: number;
}

export function acceptance(judged: readonly Judged[], bar: number): Acceptance {
  const accepted = judged.filter(({ score }) => score > bar);
  return { accepted: accepted.length, wrong: accepted.filter(({ right }) => !right).length };
}

/** Share of the accepted that was wrong; 0 when nothing was accepted. */
export const falseShare = ({ accepted, wrong }: Acceptance): number => (accepted > 0 ? wrong / accepted : 0);

/**
 * The bar that accepts most while at most a share `limit` of the accepted is wrong: halfway between two scores, 0 when
 * all may be accepted, 1 when none may. Scores are from 0 to 1.
 */
export function barFor(judged: readonly Judged[], limit: number): number {
  const sorted = judged.toSorted((a, b) => b.score - a.score);
  let bar = 1;
  let wrong = 0;
  for (const [index, { score, right }] of sorted.entries()) {
    if (!right) wrong++;
    const next = sorted[index + 1]?.score;
    // Equal scores are accepted together.
    if (next !== score && wrong <= limit * (index + 1)) bar = next === undefined ? 0 : (score + next) / 2;
  }
  return bar;
}
