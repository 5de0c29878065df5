/**
 * The least time a step can take on the measured machine: its weights and cached keys and values must be read from
 * memory once, and its products computed at the measured peak; the larger of the two bounds it.
 */

import { type EngineId, engines } from './engines/index.ts';
import type { Results } from './results.ts';

interface Step {
  /** New rows, and how many of them the output head reads. */
  rows: number;
  headRows: number;
  /** Cached tokens each row attends to, the new ones not counted. */
  context: number;
}

/** Milliseconds of one forward at the roofline. */
export function rooflineStep({ machine, model }: Results, engine: EngineId, step: Step): number {
  const { bitsPerWeight, bytesPerCached, products } = engines[engine];
  const { rows, headRows, context } = step;
  const weightBytes = ((model.layerWeights + model.headWeights) * bitsPerWeight) / 8;
  const cacheBytes = 2 * model.layers * model.kvHeads * model.headDim * context * bytesPerCached;
  const linear = 2 * (model.layerWeights * rows + model.headWeights * headRows);
  // Scores and mixing: two products of each row with every earlier key and value, half of the new ones on average.
  const attention = 4 * model.layers * model.heads * model.headDim * rows * (context + rows / 2);
  const seconds = Math.max(
    (weightBytes + cacheBytes) / machine.bandwidth,
    linear / machine[products] + attention / machine.fp32,
  );
  return 1000 * seconds;
}

/** The roofline of a measurement, in its unit; `undefined` where there is none (load, memory). */
export function roofline(results: Results, engine: EngineId, name: string, size: number): number | undefined {
  const { tokens, rowsContext } = results.settings;
  if (name === 'prefill') return rooflineStep(results, engine, { rows: size, headRows: 1, context: 0 });
  if (name === 'decode') {
    return rooflineStep(results, engine, { rows: 1, headRows: 1, context: size + tokens / 2 });
  }
  if (name === 'rows') {
    return rooflineStep(results, engine, { rows: size, headRows: size, context: rowsContext });
  }
  if (name === 'batch') return batchRoofline(results, engine, size);
  return undefined;
}

/** Tokens per second when each sequence reads its own cache and all share one reading of the weights. */
function batchRoofline(results: Results, engine: EngineId, sequences: number): number {
  const context = batchPrompt + results.settings.tokens / 2;
  const one = rooflineStep(results, engine, { rows: sequences, headRows: sequences, context });
  const { machine, model } = results;
  const otherCaches = 2 * model.layers * model.kvHeads * model.headDim * context * (sequences - 1);
  const more = (1000 * otherCaches * engines[engine].bytesPerCached) / machine.bandwidth;
  return (1000 * sequences) / (one + more);
}

/** Prompt tokens of each sequence of a batch. */
export const batchPrompt = 64;
