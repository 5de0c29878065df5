/** What the trainer asks of an optimizer: one update in place, and its state as named tensors for checkpoints. */

import type { Parameter, Parameters } from '../parameters.ts';

export interface Update {
  /** Trained parameters, changed in place. */
  parameters: Parameters;
  gradients: ReadonlyMap<string, Float32Array>;
  /** Number of this update, from 1. */
  step: number;
  learningRate: number;
  /** Factor on all gradients (clipping). */
  scale: number;
}

export interface Optimizer {
  update(update: Update): Promise<void>;
  /** Moments by name; the very tensors that updates change, so that restoring means overwriting them. */
  readonly state: ReadonlyMap<string, Parameter>;
  dispose?(): Promise<void>;
}
