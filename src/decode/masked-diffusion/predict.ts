/**
 * From scores to predictions: guidance, shaping, the token x0 and its confidence. What is reduced in the graph is
 * taken from there; whole logits are read only where something acts on them.
 */

import type { Scores } from '../../models/forward.ts';
import { keepAllowed } from '../constrained/token-constraint.ts';
import { randomStreams, uniform } from '../random.ts';
import { type Run, vacant } from '../run.ts';
import { ban } from '../sampling/penalties.ts';
import type { LogitsContext } from '../sampling/processors.ts';
import { checkRow } from '../sampling/sampler.ts';
import type { CanvasConstraint } from './constraint.ts';
import type { CanvasOptions } from './options.ts';
import { measures } from './orders.ts';
import type { Block, CanvasView, Parts, Predictions } from './parts.ts';

export interface Predictor {
  /** The scores must come with logits. */
  readonly needsLogits: boolean;
  /** @param unconditional scores of the canvas without the prompt, with guidance */
  predict(
    canvas: CanvasView,
    positions: readonly number[],
    conditional: Scores,
    unconditional: Scores | undefined,
  ): Predictions;
}

/**
 * Guided logits l = l_u + (s + 1)(l_c - l_u), with the prompt masked in l_u (Nie et al. 2024, "Scaling up Masked
 * Diffusion Models on Text", arXiv:2410.18514, unsupervised classifier-free guidance).
 */
export function guide(conditional: Float32Array, unconditional: Float32Array, scale: number): Float32Array {
  return conditional.map((logit, id) => unconditional[id] + (scale + 1) * (logit - unconditional[id]));
}

/**
 * How the predictions of a run are made.
 * @param constraint Under it a prediction is of a text that those before it begin, and no surer than they are. Candidates
 * are the positions that it comes to.
 */
export function predictor(
  run: Run,
  options: CanvasOptions,
  { shape, confidence: adjust, needsLogits }: Parts,
  constraint?: CanvasConstraint,
): Predictor {
  const { sampler, prompt } = run;
  const { seed } = sampler.options;
  const { cfgScale, order, logitsEosInf, confidenceEosEotInf } = options;
  const endIds = run.masking?.endIds ?? [];
  const measure = measures[order];
  /** Token and confidence are in the reduced outputs. */
  const reduced =
    (!measure || order === 'low_confidence') && !shape && !logitsEosInf && cfgScale === 0 && !constraint;

  function predict(
    canvas: CanvasView,
    positions: readonly number[],
    conditional: Scores,
    unconditional: Scores | undefined,
  ): Predictions {
    // A method's processors may have come with another sampler.
    const plain = reduced && run.sampler.argmaxOnly;
    const guided: (Float32Array | undefined)[] = [];
    const logits = (index: number): Float32Array => {
      if (!unconditional) return conditional.logits(index);
      guided[index] ??= guide(conditional.logits(index), unconditional.logits(index), cfgScale);
      return guided[index];
    };

    /** Token and confidence of each position, on the canvas of the step or on a later one. */
    function read(on: CanvasView, isLater: boolean): Predictions {
      const { step, block } = on;
      const tokens = new Int32Array(positions.length);
      const confidence = new Float64Array(positions.length);
      const fed = on.fed();
      const walk = constraint?.walk(on.tokens);
      /** Indices of open positions that the constraint has a say in, and whether they stand on the one before. */
      const reached = new Map<number, boolean>();
      for (const [index, position] of positions.entries()) {
        if (plain) {
          tokens[index] = conditional.topToken(index);
          confidence[index] = Math.exp(conditional.topLogProb(index));
        } else {
          const context: LogitsContext = {
            promptTokens: prompt,
            generatedTokens: fed.subarray(0, position),
            step,
          };
          const row = run.sampler.shape(logits(index), context);
          const mask = walk?.mask(position);
          if (logitsEosInf) ban(row, endIds);
          if (mask) keepAllowed(row, mask);
          if (shape && !isLater) {
            shape(row, position, on);
            if (mask) keepAllowed(row, mask);
          }
          if (mask) {
            checkRow(row);
            reached.set(index, walk!.standsOnLast(position));
          }
          tokens[index] = run.sampler.perturb(row, context, {
            seed,
            stream: randomStreams.sample,
            step,
            position,
          });
          walk?.take(position, tokens[index]);
          if (measure) confidence[index] = measure(row, tokens[index]);
        }
        if (!measure) confidence[index] = uniform({ seed, stream: randomStreams.order, step, position });
        if (confidenceEosEotInf && endIds.includes(tokens[index]))
          confidence[index] = Number.NEGATIVE_INFINITY;
      }
      const predictions: Predictions = {
        positions,
        candidates: [...positions.keys()].filter(
          (index) => isOpen(on.tokens, positions[index], block) && (!walk || reached.has(index)),
        ),
        tokens,
        confidence,
        logits,
        choice: (index) =>
          plain && tokens[index] === conditional.topToken(index)
            ? { token: tokens[index], logprob: conditional.topLogProb(index) }
            : run.sampler.report(conditional.logits(index), [tokens[index]])[0],
        ahead: (later) => read(later, true),
      };
      if (!isLater) adjust?.(predictions, on);
      // No prediction is surer than what it stands on.
      for (const [index, stands] of reached) {
        if (stands) confidence[index] = Math.min(confidence[index], confidence[index - 1]);
      }
      return predictions;
    }

    return read(canvas, false);
  }

  return { needsLogits: needsLogits === true || !reduced, predict };
}

const isOpen = (tokens: Int32Array, position: number, { start, end }: Block): boolean =>
  position >= start && position < end && tokens[position] === vacant;
