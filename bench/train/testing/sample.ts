/** Training results with chosen figures on a machine of round numbers, for tests. */

import { modelProducts } from '../flops.ts';
import type { TrainMeasurement, TrainResults } from '../results.ts';

export type TrainFigure = [
  engine: TrainMeasurement['engine'],
  work: TrainMeasurement['work'],
  batches: TrainMeasurement['batches'],
  values: number[],
];

/** A model of sizes that are easy to multiply. */
export const sampleModel = {
  hiddenSize: 10,
  intermediateSize: 20,
  layers: 2,
  heads: 5,
  kvHeads: 1,
  headDim: 2,
  vocabSize: 100,
};

export function trainResultsWith(figures: readonly TrainFigure[], square = [2e11, 1e11]): TrainResults {
  const products = modelProducts(sampleModel, 12).map((_, i) => 1e9 * (i + 1));
  return {
    date: '2026-01-02T03:04:05.000Z',
    machine: {
      processor: 'a processor',
      cores: 2,
      platform: 'linux x64',
      node: 'v20.0.0',
      load: [0, 2, 2],
    },
    threads: 2,
    clock: 'wall',
    model: sampleModel,
    batches: {
      step: [
        { sequences: 3, rows: 4 },
        { sequences: 2, rows: 6 },
      ],
      small: [{ sequences: 1, rows: 4 }],
    },
    versions: { torch: '2.0' },
    missing: {},
    products: { square, torch: square.map((rate) => rate / 2), model: square.map(() => products) },
    measurements: figures.map(([engine, work, batches, values]) => ({ engine, work, batches, values })),
  };
}
