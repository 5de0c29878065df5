/**
 * Batches of prompts with answers, as inputs of the objectives below: each row is a prompt, `<|answer|>`, the answer
 * and its end token, padded on the right.
 */

import { uniform } from '../decode/random.ts';
import { float32, tensor } from '../graph/types.ts';
import type { EncodedProblem } from '../tasks/encode.ts';
import type { Batch } from './program.ts';
import { trainingStreams } from './streams.ts';

/** Where a row must not look; large enough for exp to give 0, small enough to stay finite in sums. */
export const hidden = -1e9;

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

/** @param bias [rows, rows] for all examples, or [count, rows, rows] */
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
    bias: float32([bias.length / rows ** 2, 1, rows, rows], bias),
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

export interface CorruptionOptions {
  pad: number;
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
  /** Share of rows whose corrupted positions are the last ones: what a decoder that goes left to right meets. */
  suffixShare?: number;
}

export interface MaskingOptions extends CorruptionOptions {
  mask: number;
}

export interface NoiseOptions extends CorruptionOptions {
  vocabSize: number;
  /** The rows of a prompt see only what is before them. */
  causalPrompt?: boolean;
}

/** The canvas of an example in a batch: elements [start, end), and those of them to corrupt. */
interface CorruptedCanvas {
  start: number;
  end: number;
  places: readonly number[];
  /** Number of the example within the step. */
  number: number;
}

/**
 * Corrupts the answers: of a canvas of C positions, end tokens included, exactly k, k stratified over the step.
 * @param corrupt writes ids and weights of one canvas
 */
function corruptedBatch(
  examples: readonly EncodedProblem[],
  { pad, extra, seed, step, first, shift = false, suffixShare = 0 }: CorruptionOptions,
  corrupt: (data: ReturnType<typeof emptyBatch>, canvas: CorruptedCanvas) => void,
) {
  const before = shift ? 1 : 0;
  const rows = longest(examples) + extra;
  const data = emptyBatch(examples.length, rows, pad);
  const offset = uniform({ seed, stream: trainingStreams.maskRatio, step, position: 0 });
  for (const [n, { tokens, answerStart }] of examples.entries()) {
    const row = n * rows;
    const number = first + n;
    data.ids.set(tokens, row);
    data.targets.set(data.ids.subarray(row + before, row + rows), row);
    const canvas = rows - answerStart;
    // Stratified over the step, in an order that has nothing to do with lengths: 0.618.. steps fill [0, 1) evenly.
    const ratio = (offset + number * ((Math.sqrt(5) - 1) / 2)) % 1;
    const corrupted = 1 + Math.floor(ratio * canvas);
    const isSuffix =
      uniform({ seed, stream: trainingStreams.maskShape, step, position: number }) < suffixShare;
    const places = Array.from({ length: canvas }, (_, i) => ({
      at: row + answerStart + i,
      rank: isSuffix
        ? -i
        : uniform({ seed, stream: trainingStreams.maskOrder, step, position: number * 4096 + i }),
    }));
    places.sort((a, b) => a.rank - b.rank);
    const chosen = places.slice(0, corrupted).map(({ at }) => at);
    corrupt(data, { start: row + answerStart, end: row + rows, places: chosen, number });
  }
  return { rows, data };
}

/**
 * Masked diffusion on the answers (Nie et al. 2025, arXiv:2502.09992, algorithm 2), with the low-variance estimator of
 * their appendix: of a canvas of C positions, end tokens included, exactly k are masked, k stratified over the step,
 * and each masked one weighs (C / k) / normalizer. With `shift` the rows are read as Dream's are (Ye et al. 2025,
 * arXiv:2508.15487): the one before a masked position predicts it.
 */
export function maskedBatch(examples: readonly EncodedProblem[], options: MaskingOptions): Batch {
  const { mask, normalizer, shift = false } = options;
  const { rows, data } = corruptedBatch(examples, options, ({ ids, weights }, { start, end, places }) => {
    for (const at of places) {
      ids[at] = mask;
      weights[at - (shift ? 1 : 0)] = (end - start) / places.length / normalizer;
    }
  });
  return toBatch(examples.length, rows, data, new Float32Array(rows * rows));
}

/**
 * Uniform diffusion on the answers (Austin et al. 2021, arXiv:2107.03006, the uniform transition matrix): as above, but
 * the chosen positions get random tokens. What is noise cannot be seen, so all positions of the canvas are asked about,
 * and each weighs 1 / normalizer.
 */
export function noisedBatch(examples: readonly EncodedProblem[], options: NoiseOptions): Batch {
  const { vocabSize, normalizer, seed, step, shift = false, causalPrompt = false } = options;
  const before = shift ? 1 : 0;
  const { rows, data } = corruptedBatch(
    examples,
    options,
    ({ ids, weights }, { start, end, places, number }) => {
      weights.fill(1 / normalizer, start - before, end - before);
      for (const at of places) {
        const position = number * 4096 + at - start;
        ids[at] = Math.floor(vocabSize * uniform({ seed, stream: trainingStreams.noise, step, position }));
      }
    },
  );
  const bias = causalPrompt ? causalPromptBias(examples, rows) : new Float32Array(rows * rows);
  return toBatch(examples.length, rows, data, bias);
}

/** [examples, rows, rows]: the rows of a prompt see what is before them, those of the canvas see all. */
function causalPromptBias(examples: readonly EncodedProblem[], rows: number): Float32Array {
  const bias = new Float32Array(examples.length * rows * rows);
  for (const [n, { answerStart }] of examples.entries()) {
    for (let row = 0; row < answerStart; row++) {
      const start = (n * rows + row) * rows;
      bias.fill(hidden, start + row + 1, start + rows);
    }
  }
  return bias;
}
