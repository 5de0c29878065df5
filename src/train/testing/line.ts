/** The smallest plan there is: four weights of a linear function, found by least squares. */

import { normal } from '../../decode/random.ts';
import { float32 } from '../../graph/types.ts';
import { AdamW } from '../optimizers/adamw.ts';
import type { Batch, Objective } from '../program.ts';
import { constantSchedule } from '../schedule.ts';
import type { TrainingPlan } from '../trainer.ts';

const truth = [1, -2, 3, 0.5];

/** Mean of (x · w - y)². */
export const leastSquares: Objective = (b, weight) => {
  const x = b.input('x', 'float32', ['rows', 4]);
  const y = b.input('y', 'float32', ['rows']);
  const difference = b.sub(b.reduceSum(b.mul(x, weight('w')), [1], false), y);
  return {
    loss: b.reduceMean(b.mul(difference, difference), [0], false),
    metrics: { error: b.reduceMean(b.abs(difference), [0], false) },
  };
};

/** Rows of numbers that depend on the step. */
export function lineBatch(step: number, rows = 8): Batch {
  const x = Float32Array.from({ length: rows * 4 }, (_, position) =>
    normal({ seed: 1, stream: 99, step, position }),
  );
  const y = Float32Array.from({ length: rows }, (_, row) =>
    truth.reduce((sum, w, i) => sum + w * x[row * 4 + i], 0),
  );
  return { x: float32([rows, 4], x), y: float32([rows], y) };
}

/** A plan of least squares; what is given replaces its parts. */
export function linePlan(changes: Partial<TrainingPlan> = {}): TrainingPlan {
  return {
    parameters: new Map([['w', float32([4], new Float32Array(4))]]),
    objective: leastSquares,
    batches: (step) => [lineBatch(step)],
    steps: 5,
    schedule: constantSchedule(0.1),
    optimizer: (parameters, trained) => new AdamW(parameters, trained),
    ...changes,
  };
}
