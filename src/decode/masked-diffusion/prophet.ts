/**
 * Prophet (2025): long before a canvas is finished, what is still masked is often predicted as it will end. Once the gap
 * between the two largest logits reaches a bar that is lowered as decoding goes on, every mask is filled in at once.
 * It asks for no forward of its own and sits on top of any commit rule.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { type Run, vacant } from '../run.ts';
import { topM } from '../sampling/select.ts';
import { commitRule } from './commit/rule.ts';
import { creditOptions, withCredit } from './credit-decoding.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { layoutOf, refuse, scheduledSteps } from './layout.ts';
import { type CanvasOptions, type CommitOptions, canvasOptions, commitOptions } from './options.ts';
import type { CanvasView, Parts, Predictions } from './parts.ts';

const gap = z.number().min(0).max(1e6);

/** Options of the early commit. */
export const earlyCommitOptions = z.strictObject({
  gapEarly: gap
    .default(7.5)
    .describe('Gap in logits that fills the canvas in the first third of decoding; 0 at once, 1e6 never.'),
  gapMiddle: gap.default(5).describe('The same in the second third.'),
  gapLate: gap.default(2.5).describe('The same in the last third.'),
  gapOf: z
    .enum(['mean', 'min'])
    .default('mean')
    .describe(
      'The gap that counts: the mean of the watched positions, or the smallest, which is more careful.',
    ),
  answerStart: z
    .int()
    .min(0)
    .max(1 << 20)
    .optional()
    .describe(
      'First watched position of the canvas; without it all positions that are still masked are watched.',
    ),
  answerLength: z
    .int()
    .min(1)
    .max(1 << 20)
    .optional()
    .describe('Watched positions from answerStart on; 5 without it.'),
});

export type EarlyCommitOptions = z.output<typeof earlyCommitOptions>;

const usualAnswerLength = 5;

/** Borders of the phases on the way from 0 to 1. */
const phaseEnds = [0.33, 0.67] as const;

/** The bar τ(p) at progress p. */
export function gapBar({ gapEarly, gapMiddle, gapLate }: EarlyCommitOptions, progress: number): number {
  if (progress < phaseEnds[0]) return gapEarly;
  return progress < phaseEnds[1] ? gapMiddle : gapLate;
}

/** l₍₁₎ - l₍₂₎ of a row of logits [vocabulary]. */
function gapOf(logits: Float32Array): number {
  const [first, second] = topM(logits, 2);
  return logits[first] - logits[second];
}

const reductions = {
  mean: (gaps: readonly number[]) => gaps.reduce((sum, value) => sum + value, 0) / gaps.length,
  min: (gaps: readonly number[]) => Math.min(...gaps),
};

/** How far decoding is after the step at hand, from 0 to 1. */
type Progress = (canvas: CanvasView) => number;

/**
 * p = t / T in a schedule of T steps, t from 1. Where the rule decides how many are committed there is no T: then the
 * committed share of the canvas.
 */
function progressOf(options: CanvasOptions & CommitOptions, run: Run): Progress {
  const layout = layoutOf(options, run);
  const { threshold, factor, entropyBound } = options;
  if (threshold === undefined && factor === undefined && entropyBound === undefined) {
    const total = scheduledSteps(layout, options.steps);
    return ({ step }) => (step + 1) / total;
  }
  return (canvas) => 1 - canvas.masked().length / layout.length;
}

/** Positions of the answer that are watched; undefined for all that are masked. */
function watchedOf({ answerStart, answerLength, ...canvas }: EarlyCommitOptions & CanvasOptions, run: Run) {
  if (answerStart === undefined) {
    if (answerLength === undefined) return undefined;
    return refuse('answerLength', 'nothing says where the answer starts', 'Give answerStart as well.');
  }
  const { length } = layoutOf(canvas, run);
  if (answerStart >= length) {
    refuse('answerStart', `the canvas has ${length} positions`, `Give ${length - 1} at most.`);
  }
  return { start: answerStart, end: answerStart + (answerLength ?? usualAnswerLength) };
}

/**
 * Parts that commit everything once the gap of the watched positions reaches the bar, by their own rule until then.
 * @param progress how far decoding is when a step has committed
 */
export function withEarlyCommit(
  parts: Parts,
  options: EarlyCommitOptions,
  progress: Progress,
  watched?: { start: number; end: number },
): Parts {
  const isWatched = (position: number, canvas: CanvasView): boolean =>
    watched ? position >= watched.start && position < watched.end : canvas.tokens[position] === vacant;

  /** The gap is that of the raw logits: noise and fused credit are not on the scale of the bar. */
  function isSure({ positions, logits }: Predictions, canvas: CanvasView): boolean {
    const indices = [...positions.keys()].filter((index) => isWatched(positions[index], canvas));
    const gaps = indices.map((index) => gapOf(logits(index)));
    return gaps.length > 0 && reductions[options.gapOf](gaps) >= gapBar(options, progress(canvas));
  }

  return {
    ...parts,
    needsLogits: true,
    // Decided positions are watched as well: their gap is wide, so that it grows as the answer fills up.
    look: (canvas) => {
      const asked = new Set([...(parts.look?.(canvas) ?? []), ...canvas.masked()]);
      const end = Math.min(watched?.end ?? 0, canvas.tokens.length);
      for (let position = watched?.start ?? 0; position < end; position++) asked.add(position);
      return [...asked].sort((a, b) => a - b);
    },
    commit: (predictions, canvas) => {
      if (!isSure(predictions, canvas)) return parts.commit(predictions, canvas);
      const { positions } = predictions;
      return [...positions.keys()].filter((index) => canvas.tokens[positions[index]] === vacant);
    },
  };
}

export const prophet = defineMethod({
  slug: 'prophet',
  title: 'Prophet',
  family: 'masked-diffusion',
  summary:
    'Fills all of the canvas at once as soon as the model is sure of the answer: the gap of its two best guesses says so.',
  options: z.strictObject({
    ...canvasOptions.shape,
    ...commitOptions.shape,
    ...earlyCommitOptions.shape,
    ...creditOptions.shape,
  }),
  needs: ['bidirectional', 'canvas'],
  sampling: 'any',
  guarantee: 'own',
  phases: (options, run) => {
    if (run.finish) return {};
    const parts = withCredit({ commit: commitRule(options, run) }, options);
    const early = withEarlyCommit(parts, options, progressOf(options, run), watchedOf(options, run));
    return decodeCanvas(run, options, early);
  },
});
