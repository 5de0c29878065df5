/**
 * Early rejection of end tokens (EOSER, arXiv:2509.23924). Models that were tuned on answers padded with end tokens are
 * sure of them everywhere while the canvas is empty, and would end the answer before it is begun. Their confidence is
 * damped at first and counts in full at the end: they come later, but nothing forbids them, and no token changes.
 */

import type { ConfidenceHook } from './parts.ts';

/** γ = γ_min + (γ_max - γ_min) u, for u from 0 to 1. */
export interface Damping {
  gammaMin: number;
  gammaMax: number;
  /** u of a step; past the last step that of the last. */
  ramp: (step: number) => number;
}

/** u = t / (T - 1): for steps of equal size. */
export function linearRamp(steps: number): (step: number) => number {
  return (step) => (steps > 1 ? Math.min(step, steps - 1) / (steps - 1) : 1);
}

/** u = (2^(i+1) - 1) / 2^S: how much of the canvas ascending steps have committed after step i. */
export function ascendingRamp(steps: number): (step: number) => number {
  return (step) => (2 ** (Math.min(step, steps - 1) + 1) - 1) / 2 ** steps;
}

/** Multiplies the confidence of predicted end tokens by γ. Confidence must not be negative, but for -Infinity. */
export function earlyRejection(
  { gammaMin, gammaMax, ramp }: Damping,
  endIds: readonly number[],
): ConfidenceHook {
  return ({ tokens, confidence }, { step }) => {
    const gamma = gammaMin + (gammaMax - gammaMin) * ramp(step);
    for (const [index, token] of tokens.entries()) {
      // 0 · -Infinity would be no number.
      if (confidence[index] > 0 && endIds.includes(token)) confidence[index] *= gamma;
    }
  };
}
