/**
 * Dropout (Srivastava et al. 2014) with masks that are inputs: a mask is a function of (seed, step, batch), so a
 * resumed run drops what the uninterrupted one did. Kept elements are scaled by 1 / (1 - rate).
 */

import { fillBytes } from '../decode/random.ts';
import { QuickstepError } from '../errors.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { tensor, type Value } from '../graph/types.ts';
import type { LlamaConfig } from '../models/config.ts';
import type { Batch } from './program.ts';
import { trainingStreams } from './streams.ts';

/** Rates are multiples of 1/256: a byte decides each element. */
const levels = 256;

/** Bytes below it are dropped. @throws QuickstepError 'bad-option' for a rate that drops all or less than nothing. */
function threshold(rate: number): number {
  const dropped = Math.round(rate * levels);
  if (dropped >= 0 && dropped < levels) return dropped;
  throw new QuickstepError(
    'bad-option',
    `The dropout rate ${rate} is not from 0 to below 1.`,
    '0.1 is usual.',
  );
}

/** Drops elements of each value it is called with; the n-th call declares the input `dropout.n`. */
export function dropoutInputs(b: GraphBuilder, rate: number): (x: Value) => Value {
  const scale = 1 / (1 - threshold(rate) / levels);
  let count = 0;
  return (x) => {
    const mask = b.input(`dropout.${count++}`, 'bool', x.shape);
    return b.where(mask, b.mul(x, scale), b.scalar(0));
  };
}

/** A batch with the masks of a model's residual updates: two a layer, each [batch·rows, hidden]. */
export function dropoutMasks(
  batch: Batch,
  { layers, hiddenSize }: Pick<LlamaConfig, 'layers' | 'hiddenSize'>,
  { rate, seed, step, first = 0 }: { rate: number; seed: number; step: number; first?: number },
): Batch {
  const dropped = threshold(rate);
  const rows = batch.targets.shape[0];
  const out: Record<string, Batch[string]> = { ...batch };
  for (let n = 0; n < 2 * layers; n++) {
    const data = new Uint8Array(rows * hiddenSize);
    fillBytes({ seed, stream: trainingStreams.dropout, step, position: first * 2 * layers + n }, data);
    for (let i = 0; i < data.length; i++) data[i] = data[i] >= dropped ? 1 : 0;
    out[`dropout.${n}`] = tensor('bool', [rows, hiddenSize], data);
  }
  return out;
}
