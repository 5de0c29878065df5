/** What the training benchmark asks of an engine: lines of JSON on standard input, a line of JSON for each. */

import type { Clock } from './clock.ts';

/** Batches of a question: those of one step of the recipe, or a few of its sequences for slow engines. */
export const batchNames = ['step', 'small'] as const;
export type BatchName = (typeof batchNames)[number];

/** What is timed: gradients only, or a step with clipping and an optimizer. */
export const works = ['gradients', 'adamw', 'muon'] as const;
export type Work = (typeof works)[number];

export interface StepQuestion {
  kind: 'step';
  work: Work;
  batches: BatchName;
  clock: Clock;
}

/** The answer of a step. */
export interface StepAnswer {
  ms: number;
  /** Before the update. */
  loss: number;
}

/** Operations per second of 2048³ and, from Quickstep only, of each product of the model; jax-js is not asked. */
export interface ProductsQuestion {
  kind: 'products';
  clock: Clock;
}

export interface ProductsAnswer {
  square: number;
  products: number[];
}

/** The first line of an engine that is ready. */
export interface Ready {
  versions: Record<string, string>;
}

/** Either line, when something failed. */
export interface Failure {
  error: string;
}

/** Settings that all engines share; weights move little, so that every step costs the same. */
export const optimizerSettings = {
  learningRate: 1e-4,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-8,
  weightDecay: 0.01,
  clip: 1,
} as const;
