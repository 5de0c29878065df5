/** The results file of the diffusion benchmark, and the figures that are read from it. */

import { z } from 'zod';
import { type Measurement, measurementJson } from '../../src/tasks/measure.ts';
import { machineSchema } from '../this-machine.ts';
import { type Entry, kinds } from './entries.ts';

const share = z.number().min(0).max(1);
const difference = z.number().min(-1).max(1);

/** Sums and means over some problems. */
const totals = z.strictObject({
  samples: z.int().positive(),
  correct: z.int().min(0),
  accuracy: share,
  low: share.describe("Wilson's 95% interval"),
  high: share,
  steps: z.number().describe('means over the answers'),
  forwards: z.number(),
  rows: z.number().describe("rows run through the model, the prompt's too"),
  tokens: z.number(),
  tokensPerForward: z.number(),
  seconds: z.number().min(0).describe('wall time of decoding'),
  against: z.strictObject({
    improved: z.int().min(0),
    worsened: z.int().min(0),
    difference,
    low: difference,
    high: difference,
  }),
});

const taskLevel = z.strictObject({ task: z.string(), level: z.int(), maxTokens: z.int().positive() });

const taskTotals = z.strictObject({
  ...taskLevel.shape,
  options: z.record(z.string(), z.unknown()),
  ...totals.shape,
});

export const diffusionResultsFile = z.strictObject({
  date: z.iso.datetime(),
  machine: machineSchema,
  threads: z.int().positive(),
  models: z
    .array(
      z.strictObject({
        id: z.string(),
        digest: z.string().describe('first digits of the SHA-256 of its weights'),
      }),
    )
    .min(1)
    .describe('the first is decoded unless a method has one of its own'),
  precision: z.string(),
  seed: z.int(),
  samples: z.int().positive().describe('problems of each task'),
  batch: z.int().positive(),
  tasks: z.array(taskLevel).min(1),
  decodings: z
    .array(
      z.strictObject({
        label: z.string(),
        kind: z.enum(kinds),
        method: z.string(),
        tasks: z.array(taskTotals),
        all: totals,
      }),
    )
    .min(1)
    .describe('the first is the baseline'),
});

export type DiffusionResults = z.output<typeof diffusionResultsFile>;
export type DecodingResult = DiffusionResults['decodings'][number];
export type TotalsResult = z.output<typeof totals>;

/** What a results file holds of measurements. */
export function decodingResults(
  measurements: readonly (Measurement & { decoding: Entry })[],
): DecodingResult[] {
  const [baseline] = measurements;
  return measurements.map((one) => ({ kind: one.decoding.kind, ...measurementJson(one, baseline) }));
}

/** How many times fewer forwards than the baseline. */
export const speedUp = (ours: TotalsResult, baseline: TotalsResult): number =>
  baseline.forwards / ours.forwards;

/** The decodings that no other beats in forwards without losing accuracy, nor in accuracy without more forwards. */
export function frontier(decodings: readonly DecodingResult[]): DecodingResult[] {
  const beats = (a: TotalsResult, b: TotalsResult) =>
    a.forwards <= b.forwards &&
    a.accuracy >= b.accuracy &&
    (a.forwards < b.forwards || a.accuracy > b.accuracy);
  return decodings
    .filter(({ all }) => !decodings.some((other) => beats(other.all, all)))
    .toSorted((a, b) => b.all.forwards - a.all.forwards);
}
