/** What heads say of one place: tokens, most probable first. */

import type { GraphBuilder } from '../../graph/builder.ts';
import { type Tensor, tensor, type Value } from '../../graph/types.ts';
import { linear, type Precision } from '../linear.ts';
import type { DraftBase } from './base.ts';

export interface Ranked {
  tokens: Int32Array;
  /** Among the drafted tokens. */
  probabilities: Float32Array;
}

/** Alternatives that a head names. */
export const ranks = 10;

/**
 * Adds the output head to a program: for rows that it reads [rows, hidden], the outputs `tokens` and `probabilities`
 * [rows, ranks].
 */
export function outputRanked(
  b: GraphBuilder,
  hidden: Value,
  { head, hiddenSize }: DraftBase,
  tokens: readonly number[],
  precision: Precision,
): void {
  const logits = linear(b, head, tokens.length, hiddenSize, precision)(hidden);
  const [probabilities, places] = b.topK(b.softmax(logits), Math.min(ranks, tokens.length));
  b.output('probabilities', probabilities);
  b.output('tokens', b.gather(b.constant(tensor('int32', [tokens.length], Int32Array.from(tokens))), places));
}

/** One row of those outputs. */
export function rankedRow({ tokens, probabilities }: Readonly<Record<string, Tensor>>, row: number): Ranked {
  const count = tokens.shape[1];
  const [start, end] = [row * count, (row + 1) * count];
  return {
    tokens: (tokens.data as Int32Array).subarray(start, end),
    probabilities: (probabilities.data as Float32Array).subarray(start, end),
  };
}
