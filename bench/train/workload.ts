/**
 * What every engine trains: the house-causal recipe's model with its first weights, and the batches of one step of
 * its run, in files that need nothing but JSON and safetensors to be read.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLlamaConfig } from '../../src/models/config.ts';
import { houseCausal } from '../../src/train/recipes/house-causal.ts';
import type { BatchShape, ModelShape } from './flops.ts';
import type { BatchName } from './protocol.ts';

/** A step of the run's second half, when all tasks and levels have their full share. */
const step = 1200;
/** Sequences of the small batch. */
const smallSequences = 16;

/** A batch as numbers, row after row; attention is causal. */
export interface PlainBatch extends BatchShape {
  ids: number[];
  targets: number[];
  weights: number[];
}

export type Batches = Record<BatchName, PlainBatch[]>;

const batchesFile = 'batches.json';

/** The first sequences of a batch. */
export function firstSequences(batch: PlainBatch, count: number): PlainBatch {
  const end = count * batch.rows;
  const { rows, ids, targets, weights } = batch;
  return {
    sequences: count,
    rows,
    ids: ids.slice(0, end),
    targets: targets.slice(0, end),
    weights: weights.slice(0, end),
  };
}

/** Writes model and batches into a folder. */
export async function writeWorkload(folder: string): Promise<void> {
  const { plan, save } = await houseCausal.prepare({ seed: houseCausal.seed });
  await save(folder, plan.parameters);
  const whole = (await plan.batches(step)).map(({ ids, targets, weights }): PlainBatch => {
    const [sequences, rows] = ids.shape;
    const numbers = (data: ArrayLike<number | bigint>) => Array.from(data, Number);
    return {
      sequences,
      rows,
      ids: numbers(ids.data),
      targets: numbers(targets.data),
      weights: numbers(weights.data),
    };
  });
  const batches: Batches = { step: whole, small: [firstSequences(whole[0], smallSequences)] };
  await writeFile(join(folder, batchesFile), JSON.stringify(batches));
}

export async function readBatches(folder: string): Promise<Batches> {
  return JSON.parse(await readFile(join(folder, batchesFile), 'utf8')) as Batches;
}

/** Sizes of the model in a workload's folder. */
export async function readModelShape(folder: string): Promise<ModelShape> {
  const config = parseLlamaConfig(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')));
  const { hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, vocabSize } = config;
  return { hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, vocabSize };
}
