/** The training results file, and the figures that are read from it. */

import { z } from 'zod';
import { median } from '../engines/engine.ts';
import { machineSchema } from '../this-machine.ts';
import { clocks } from './clock.ts';
import { isTorch, trainEngineIds } from './engines.ts';
import { modelProducts, productOperations, stepOperations } from './flops.ts';
import { type BatchName, batchNames, type Work, works } from './protocol.ts';

const positive = z.number().positive();
const batchShape = z.strictObject({ sequences: z.int().positive(), rows: z.int().positive() });

export const trainResultsFile = z.strictObject({
  date: z.iso.datetime(),
  machine: machineSchema,
  threads: z.int().positive(),
  clock: z.enum(clocks),
  model: z.strictObject({
    hiddenSize: z.int(),
    intermediateSize: z.int(),
    layers: z.int(),
    heads: z.int(),
    kvHeads: z.int(),
    headDim: z.int(),
    vocabSize: z.int(),
  }),
  batches: z.strictObject({ step: z.array(batchShape), small: z.array(batchShape) }),
  versions: z.record(z.string(), z.string()),
  /** Engines that were asked for and could not be started, and why. */
  missing: z.partialRecord(z.enum(trainEngineIds), z.string()),
  /** Operations per second of products through Quickstep, one value per round; in the order of `modelProducts`. */
  products: z.strictObject({
    square: z.array(positive).min(1),
    /** The square product through PyTorch, if it was there. */
    torch: z.array(positive),
    model: z.array(z.array(positive)),
  }),
  measurements: z.array(
    z.strictObject({
      engine: z.enum(trainEngineIds),
      work: z.enum(works),
      batches: z.enum(batchNames),
      /** Milliseconds, one value per round. */
      values: z.array(positive).min(1),
    }),
  ),
});

export type TrainResults = z.output<typeof trainResultsFile>;
export type TrainMeasurement = TrainResults['measurements'][number];
export type TrainEngineName = TrainMeasurement['engine'];

export function measurementOf(
  { measurements }: TrainResults,
  engine: TrainEngineName,
  work: Work,
  batches: BatchName,
): TrainMeasurement | undefined {
  return measurements.find((m) => m.engine === engine && m.work === work && m.batches === batches);
}

/**
 * How many times faster than another engine Quickstep is: the median of the ratios within each round, as a machine
 * that changes speed from round to round changes it for both.
 */
export function speedUp(
  results: TrainResults,
  other: TrainEngineName,
  work: Work,
  batches: BatchName,
): number | undefined {
  const ours = measurementOf(results, 'quickstep', work, batches);
  const theirs = measurementOf(results, other, work, batches);
  if (!ours || !theirs) return undefined;
  return median(theirs.values.map((value, round) => value / ours.values[round]));
}

/** The fastest configuration of PyTorch for some work, by its median. */
export function bestTorch(results: TrainResults, work: Work): TrainEngineName | undefined {
  const measured = results.measurements.filter(({ engine, work: done }) => isTorch(engine) && done === work);
  return measured.toSorted((a, b) => median(a.values) - median(b.values))[0]?.engine;
}

/** Rows of a batch, padding included. */
export function rowsOf({ batches }: TrainResults, name: BatchName): number {
  return batches[name].reduce((sum, { sequences, rows }) => sum + sequences * rows, 0);
}

/** Rows per second and operations per second, both from the median. */
export function ratesOf(results: TrainResults, { batches, values }: TrainMeasurement) {
  const seconds = median(values) / 1000;
  return {
    rows: rowsOf(results, batches) / seconds,
    operations: stepOperations(results.model, results.batches[batches]) / seconds,
  };
}

/** The measured peak: the best round of 2048³, which no round of a step is likely to have had throughout. */
export const peakOf = ({ products }: TrainResults): number => Math.max(...products.square);

/** Share of an engine's own square product in the same round that a step reached; the median over the rounds. */
export function shareOfOwnProduct(
  results: TrainResults,
  { engine, batches, values }: TrainMeasurement,
): number | undefined {
  const { square, torch } = results.products;
  const own = engine === 'quickstep' ? square : isTorch(engine) ? torch : [];
  if (own.length === 0) return undefined;
  const operations = stepOperations(results.model, results.batches[batches]);
  return median(values.map((ms, round) => (1000 * operations) / ms / own[round]));
}

/** Each product of the model with its median operations per second. */
export function productRates(results: TrainResults) {
  const { sequences, rows } = results.batches.step[0];
  return modelProducts(results.model, sequences * rows).map((product, i) => ({
    product,
    operations: productOperations(product),
    rate: median(results.products.model.map((round) => round[i])),
  }));
}
