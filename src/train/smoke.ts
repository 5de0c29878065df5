/** A short run of a recipe, and its check: whether the loss fell. */

import type { TrainingStep } from './trainer.ts';

/** Number of updates of a short run: about half a minute of a house model. */
export const defaultSmokeSteps = 30;

/** Steps at each end of a run whose losses are averaged. */
const window = 5;

export interface LossChange {
  /** Mean loss of the first steps. */
  first: number;
  /** Mean loss of the last steps. */
  last: number;
  fell: boolean;
}

/** The mean loss of the first five steps against that of the last five; of fewer in a run of fewer than ten. */
export function lossChange(steps: readonly Pick<TrainingStep, 'loss'>[]): LossChange {
  const count = Math.min(window, Math.max(1, Math.floor(steps.length / 2)));
  const mean = (part: typeof steps) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
  const [first, last] = [mean(steps.slice(0, count)), mean(steps.slice(-count))];
  return { first, last, fell: last < first };
}
