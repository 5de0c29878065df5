/**
 * Batches of semi-autoregressive masked diffusion, as block by block decoding meets it (dParallel, 2025): the blocks
 * before the active one are decided, in the active one some positions are masked, and all behind it is masked but not
 * asked about.
 */

import { uniform } from '../decode/random.ts';
import { float32, tensor } from '../graph/types.ts';
import type { EncodedProblem } from '../tasks/encode.ts';
import type { Batch } from './program.ts';
import { hidden, longest } from './sequences.ts';
import { trainingStreams } from './streams.ts';

export interface SegmentOptions {
  pad: number;
  mask: number;
  /** B: positions of a block; the last block of an answer may be shorter. */
  blockLength: number;
  /** Row i - 1 predicts position i, in models that keep the shift of a causal one. */
  shift: boolean;
  seed: number;
  step: number;
  /** Number of the batch's first example within the step. */
  first: number;
  /** Examples of the whole step. */
  normalizer: number;
  /** Train what is left unmasked in a second row, so that each position of the segment is asked about once. */
  complement?: boolean;
}

/** A position is masked with probability (1 - ε) t + ε. */
const maskShare = (1 - 1e-3) * 0.5 + 1e-3;

/** Active block [start, end) of an answer's positions, for u uniform on [0, 1). */
export function activeSegment(
  length: number,
  blockLength: number,
  u: number,
): { start: number; end: number } {
  const start = Math.floor(u * Math.ceil(length / blockLength)) * blockLength;
  return { start, end: Math.min(start + blockLength, length) };
}

/** Positions of a segment, in tokens, by whether the first view masks them. */
function views(
  { tokens, answerStart }: EncodedProblem,
  { blockLength, seed, step }: SegmentOptions,
  number: number,
): { end: number; masked: number[]; rest: number[] } {
  const u = uniform({ seed, stream: trainingStreams.segment, step, position: number });
  const segment = activeSegment(tokens.length - answerStart, blockLength, u);
  const masked: number[] = [];
  const rest: number[] = [];
  for (let place = segment.start; place < segment.end; place++) {
    const key = { seed, stream: trainingStreams.maskOrder, step, position: number * 4096 + place };
    (uniform(key) < maskShare ? masked : rest).push(answerStart + place);
  }
  return { end: answerStart + segment.end, masked, rest };
}

/**
 * Inputs of `certaintyObjective`. Each example is two rows of the batch, the two views of its segment, or one without
 * `complement`. Rows have their own length: what pads them to the longest is not attended to.
 *
 *   weights [batch·rows]  1 / (number masked in the view · normalizer) where a row predicts a masked position
 *   share   [batch, 1]    1 / normalizer
 */
export function segmentBatch(examples: readonly EncodedProblem[], options: SegmentOptions): Batch {
  const { pad, mask, shift, first, normalizer, complement = true } = options;
  const rows = longest(examples);
  const before = shift ? 1 : 0;
  const perExample = complement ? 2 : 1;
  const count = perExample * examples.length;
  const ids = new Int32Array(count * rows).fill(pad);
  const targets = new Int32Array(count * rows).fill(pad);
  const weights = new Float32Array(count * rows);
  const bias = new Float32Array(count * rows).fill(hidden);
  for (const [n, example] of examples.entries()) {
    const { tokens } = example;
    const { end, masked, rest } = views(example, options, first + n);
    for (const [view, asked] of [masked, rest].slice(0, perExample).entries()) {
      const row = (perExample * n + view) * rows;
      ids.set(tokens, row);
      ids.fill(mask, row + end, row + tokens.length);
      targets.set(tokens.subarray(before), row);
      bias.fill(0, row, row + tokens.length);
      for (const position of asked) {
        ids[row + position] = mask;
        weights[row + position - before] = 1 / (asked.length * normalizer);
      }
    }
  }
  const positions = Int32Array.from({ length: count * rows }, (_, i) => i % rows);
  return {
    ids: tensor('int32', [count, rows], ids),
    positions: tensor('int32', [count, rows], positions),
    bias: float32([count, 1, 1, rows], bias),
    targets: tensor('int32', [count * rows], targets),
    weights: float32([count * rows], weights),
    share: float32([count, 1], new Float32Array(count).fill(1 / normalizer)),
  };
}
