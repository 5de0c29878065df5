/**
 * Batches of prompts with answers, as inputs of the objectives below: each row is a prompt, `<|answer|>`, the answer
 * and its end token, padded on the right.
 */

import { uniform } from '../decode/random.ts';
import { float32, tensor } from '../graph/types.ts';
import type { EncodedProblem } from '../tasks/encode.ts';
import type { Batch } from './program.ts';
import { trainingStreams } from './streams.ts';

/** A causal row never sees later ones; large enough for exp to give 0, small enough to stay finite in sums. */
const hidden = -1e9;

/** Examples by length, cut into `parts` of about equally many tokens, so that each needs little padding. */
export function byLength(examples: readonly EncodedProblem[], parts: number): EncodedProblem[][] {
  const sorted = [...examples].sort((a, b) => a.tokens.length - b.tokens.length);
  const total = sorted.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const cut: EncodedProblem[][] = Array.from({ length: parts }, () => []);
  let before = 0;
  for (const example of sorted) {
    cut[Math.min(parts - 1, Math.floor((before * parts) / total))].push(example);
    before += example.tokens.length;
  }
  return cut.filter((part) => part.length > 0);
}

/** Tokens of the longest example. */
export const longest = (examples: readonly EncodedProblem[]) =>
  examples.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);

function emptyBatch(count: number, rows: number, pad: number) {
  return {
    ids: new Int32Array(count * rows).fill(pad),
    targets: new Int32Array(count * rows).fill(pad),
    weights: new Float32Array(count * rows),
  };
}

function toBatch(
  count: number,
  rows: number,
  data: ReturnType<typeof emptyBatch>,
  bias: Float32Array,
): Batch {
  return {
    ids: tensor('int32', [count, rows], data.ids),
    positions: tensor(
      'int32',
      [count, rows],
      Int32Array.from({ length: count * rows }, (_, i) => i % rows),
    ),
    bias: float32([1, 1, rows, rows], bias),
    targets: tensor('int32', [count * rows], data.targets),
    weights: float32([count * rows], data.weights),
  };
}

/** Next-token prediction of the answers; every answer token weighs 1 / `normalizer`. */
export function causalBatch(examples: readonly EncodedProblem[], pad: number, normalizer: number): Batch {
  const rows = longest(examples) - 1;
  const data = emptyBatch(examples.length, rows, pad);
  for (const [n, { tokens, answerStart }] of examples.entries()) {
    data.ids.set(tokens.subarray(0, -1), n * rows);
    data.targets.set(tokens.subarray(1), n * rows);
    data.weights.fill(1 / normalizer, n * rows + answerStart - 1, n * rows + tokens.length - 1);
  }
  const bias = Float32Array.from({ length: rows * rows }, (_, i) => (i % rows > i / rows ? hidden : 0));
  return toBatch(examples.length, rows, data, bias);
}

export interface MaskingOptions {
  pad: number;
  mask: number;
  /** Sum of answer lengths, end tokens included, over the whole step. */
  normalizer: number;
  /** Rows of the canvas beyond the longest example; they hold end tokens. */
  extra: number;
  seed: number;
  step: number;
  /** Number of the batch's first example within the step. */
  first: number;
  /** Row i - 1 predicts position i, as in a causal model, which this keeps more of than LLaDA's row i. */
  shift?: boolean;
  /** Share of rows whose masked positions are the last ones: what a decoder that goes left to right meets. */
  suffixShare?: number;
}

/**
 * Masked diffusion on the answers (Nie et al. 2025, arXiv:2502.09992, algorithm 2), with the low-variance estimator of
 * their appendix: of a canvas of C positions, end tokens included, exactly k are masked, k stratified over the step,
 * and each masked one weighs (C / k) / normalizer. With `shift` the rows are read as Dream's are (Ye et al. 2025,
 * arXiv:2508.15487): the one before a masked position predicts it.
 */
export function maskedBatch(examples: readonly EncodedProblem[], options: MaskingOptions): Batch {
  const { pad, mask, normalizer, extra, seed, step, first, shift = false, suffixShare = 0 } = options;
  const before = shift ? 1 : 0;
  const rows = longest(examples) + extra;
  const data = emptyBatch(examples.length, rows, pad);
  const offset = uniform({ seed, stream: trainingStreams.maskRatio, step, position: 0 });
  for (const [n, { tokens, answerStart }] of examples.entries()) {
    const row = n * rows;
    data.ids.set(tokens, row);
    data.targets.set(data.ids.subarray(row + before, row + rows), row);
    const canvas = rows - answerStart;
    // Stratified over the step, in an order that has nothing to do with lengths: 0.618.. steps fill [0, 1) evenly.
    const ratio = (offset + (first + n) * ((Math.sqrt(5) - 1) / 2)) % 1;
    const masked = 1 + Math.floor(ratio * canvas);
    const isSuffix =
      uniform({ seed, stream: trainingStreams.maskShape, step, position: first + n }) < suffixShare;
    const places = Array.from({ length: canvas }, (_, i) => ({
      at: row + answerStart + i,
      rank: isSuffix
        ? -i
        : uniform({ seed, stream: trainingStreams.maskOrder, step, position: (first + n) * 4096 + i }),
    }));
    places.sort((a, b) => a.rank - b.rank);
    for (const { at } of places.slice(0, masked)) {
      data.ids[at] = mask;
      data.weights[at - before] = canvas / masked / normalizer;
    }
  }
  return toBatch(examples.length, rows, data, new Float32Array(rows * rows));
}
