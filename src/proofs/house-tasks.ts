/** What the proofs on house-diffusion have in common: tasks that it was trained on, and its plain decoding. */

import type { Decoding, Measurement, TaskLevel } from './proof.ts';

/** Each with a canvas that holds every answer. */
export const wordProblems: TaskLevel = { task: 'word-problems', level: 1, maxTokens: 32 };
export const countdown: TaskLevel = { task: 'countdown', level: 1, maxTokens: 24 };
export const sudoku: TaskLevel = { task: 'sudoku', level: 1, maxTokens: 24 };
export const json: TaskLevel = { task: 'json', level: 1, maxTokens: 32 };
export const sorting: TaskLevel = { task: 'sorting', level: 1, maxTokens: 32 };

/** What the proofs are made on: calculation, planning, extraction, and a grid that must fit as a whole. */
export const houseTasks: readonly TaskLevel[] = [wordProblems, countdown, json, sudoku];

/** The baseline of all canvas methods: the surest prediction of each step. */
export const oneTokenAStep: Decoding = { label: 'one token a step', method: 'diffusion' };

/** `diffusion` with a threshold on confidence (Fast-dLLM). */
export const thresholdOf = (threshold: number): Decoding => ({
  label: `threshold ${threshold}`,
  method: 'diffusion',
  options: { threshold },
});

/** What every parallel method must be compared with. */
export const thresholds: readonly Decoding[] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99].map(thresholdOf);

/** What was measured of one of several decodings. */
export const measuredOf = (measurements: readonly Measurement[], { label }: Decoding): Measurement =>
  measurements.find(({ decoding }) => decoding.label === label)!;

/** One block filled in a share of its length in steps, as many tokens in each. */
export const fixedSteps = (share: number): Decoding => ({
  label: `G x ${share} steps`,
  method: 'diffusion',
  options: ({ maxTokens }) => ({ blockLength: 0, steps: Math.max(1, Math.floor(share * maxTokens)) }),
});
