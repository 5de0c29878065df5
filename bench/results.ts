/** The results file: what a run writes, and the report and the docs read. */

import { z } from 'zod';
import { median } from './engines/engine.ts';
import { type EngineId, engineIds } from './engines/index.ts';

const positive = z.number().positive();

export const resultsFile = z.strictObject({
  date: z.iso.datetime(),
  /** A shorter run; its figures are for orientation. */
  quick: z.boolean(),
  machine: z.strictObject({
    processor: z.string(),
    cores: z.int().positive(),
    memory: positive.describe('bytes'),
    platform: z.string(),
    node: z.string(),
    load: z.array(z.number()).describe('load average over a minute: before the run and after each round'),
    bandwidth: positive.describe('bytes per second'),
    fp32: positive.describe('operations per second'),
    int8: positive.describe('operations per second'),
  }),
  model: z.strictObject({
    id: z.string(),
    layers: z.int(),
    heads: z.int(),
    kvHeads: z.int(),
    headDim: z.int(),
    /** Weights of the layers' matrices and of the output head. */
    layerWeights: z.int(),
    headWeights: z.int(),
  }),
  settings: z.strictObject({ threads: z.int(), rounds: z.int(), tokens: z.int(), rowsContext: z.int() }),
  versions: z.record(z.string(), z.string()),
  measurements: z.array(
    z.strictObject({
      engine: z.enum(engineIds),
      /** What was measured, for example `prefill`, at which size. */
      name: z.enum(['prefill', 'decode', 'rows', 'batch', 'load', 'memory']),
      size: z.int(),
      unit: z.enum(['ms', 'tokens/s', 'bytes']),
      /** One value per round. */
      values: z.array(z.number()).min(1),
    }),
  ),
});

export type Results = z.output<typeof resultsFile>;
export type Measurement = Results['measurements'][number];

/** Says that the machine was busy before the run, if it was: engines that wait at barriers then suffer most. */
export function loadWarning(load: number): string | undefined {
  if (load <= 0.5) return undefined;
  return `The machine was busy before the run (load average ${load.toFixed(1)}): repeat it on a quiet one.`;
}

/** Median over the rounds; `undefined` when the engine was not measured. */
export function medianOf(
  { measurements }: Pick<Results, 'measurements'>,
  engine: EngineId,
  name: Measurement['name'],
  size = 0,
): number | undefined {
  const found = measurements.find((m) => m.engine === engine && m.name === name && m.size === size);
  return found && median(found.values);
}
