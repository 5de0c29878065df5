import { beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../../test/golden/models/golden.ts';
import { type GradientGolden, type GradientRun, trainingGolden } from '../../test/golden/train/golden.ts';
import { float32, tensor } from '../graph/types.ts';
import type { Parameter } from '../train/parameters.ts';
import { type Batch, type Gradients, TrainingProgram } from '../train/program.ts';
import { type SequenceObjectiveOptions, sequenceObjective } from '../train/sequence-model.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { type LlamaConfig, parseLlamaConfig } from './config.ts';
import { llamaWeightShapes } from './llama-training.ts';
import { maxDifference } from './testing/tiny.ts';

interface Model {
  config: LlamaConfig;
  parameters: Map<string, Parameter>;
}

async function openModel(name: string): Promise<Model> {
  const checkpoint = await openCheckpoint(fixture(name));
  try {
    const config = parseLlamaConfig(checkpoint.config);
    const parameters = new Map<string, Parameter>();
    for (const [weight, shape] of llamaWeightShapes(config))
      parameters.set(weight, float32(shape, await checkpoint.read(weight)));
    return { config, parameters };
  } finally {
    await checkpoint.close();
  }
}

function batchOf(golden: GradientGolden, attention: 'causal' | 'bidirectional'): Batch {
  const { batch, rows, ids, targets, weights } = golden;
  const isHidden = (i: number) => attention === 'causal' && i % rows > Math.floor(i / rows);
  const bias = Float32Array.from({ length: rows * rows }, (_, i) => (isHidden(i) ? -1e9 : 0));
  const positions = Int32Array.from(ids, (_, i) => i % rows);
  return {
    ids: tensor('int32', [batch, rows], Int32Array.from(ids)),
    positions: tensor('int32', [batch, rows], positions),
    bias: float32([1, 1, rows, rows], bias),
    targets: tensor('int32', [batch * rows], Int32Array.from(targets)),
    weights: float32([batch * rows], weights),
  };
}

async function gradientsOf(
  { config, parameters }: Model,
  batch: Batch,
  options?: SequenceObjectiveOptions,
): Promise<Gradients> {
  const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  const objective = sequenceObjective(config, options);
  await using program = await TrainingProgram.load(shapes, objective, undefined, { threads: 1 });
  return await program.run(parameters, batch);
}

/** Largest error of a gradient's norm and entries, relative to the norm and to the largest entry. */
function relativeError({ gradients }: Gradients, golden: GradientRun): number {
  const errors = Object.entries(golden.gradients).map(([name, { norm, indices, values }]) => {
    const gradient = gradients.get(name)!;
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const ofEntries = maxDifference(
      indices.map((i) => gradient[i]),
      values,
    );
    return Math.max(Math.abs(Math.hypot(...gradient) - norm) / norm, ofEntries / largest);
  });
  return Math.max(...errors);
}

const golden = trainingGolden('gradients');

describe.each(Object.entries(golden))('%s', (name, golden) => {
  let model: Model;
  beforeAll(async () => {
    model = await openModel(name);
  });

  it.each(['causal', 'bidirectional'] as const)('has the loss and gradients of PyTorch, %s', async (kind) => {
    const actual = await gradientsOf(model, batchOf(golden, kind));
    const expected = golden[kind];
    expect([...actual.gradients.keys()].sort()).toEqual(Object.keys(expected.gradients).sort());
    expect(Math.abs(actual.loss / expected.loss - 1)).toBeLessThan(1e-5);
    expect(relativeError(actual, expected)).toBeLessThan(1e-4);
  });

  it('has the same with each layer computed again in the backward pass', async () => {
    const batch = batchOf(golden, 'causal');
    const kept = await gradientsOf(model, batch);
    const recomputed = await gradientsOf(model, batch, { checkpointLayers: true });
    expect(recomputed.loss).toBe(kept.loss);
    for (const [weight, gradient] of kept.gradients) {
      const largest = maxDifference(gradient, new Float32Array(gradient.length));
      const difference = maxDifference(recomputed.gradients.get(weight)!, gradient);
      expect(difference / largest, weight).toBeLessThan(1e-6);
    }
  });
});
