/** Distillation of a small draft from a target of random weights: every loss makes its drafts more acceptable. */

import { describe, expect, it } from 'vitest';
import { uniform } from '../decode/random.ts';
import { llamaWeightShapes } from '../models/llama-training.ts';
import {
  distillationLosses,
  distillationObjective,
  isTrained,
  withoutTarget,
  withTarget,
} from './distillation.ts';
import { AdamW } from './optimizers/adamw.ts';
import { initialize, residualInitializer } from './parameters.ts';
import { freshWeights, houseModel } from './recipes/house.ts';
import { constantSchedule } from './schedule.ts';
import { causalBatch } from './sequences.ts';
import { type TrainingStep, train } from './trainer.ts';

const { config: draft, eos } = await houseModel({
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 1,
  heads: 2,
});
const { config: target } = await houseModel({ hiddenSize: 24, intermediateSize: 48, layers: 2, heads: 2 });
const rows = 12;
const examples = Array.from({ length: 6 }, (_, example) => ({
  tokens: Int32Array.from({ length: rows }, (_, position) =>
    Math.floor(uniform({ seed: 1, stream: 99, step: example, position }) * 100),
  ),
  answerStart: 4,
}));
const batch = causalBatch(examples, eos, examples.length * (rows - 4));

/** Weights, and what training them by a loss went through. */
async function distil(loss: (typeof distillationLosses)[number], steps: number) {
  // A target with opinions: logits of weights as small as a fresh model's are all alike.
  const teacher = initialize(llamaWeightShapes(target), residualInitializer(target.layers, 0.4), 2);
  const parameters = withTarget(freshWeights(draft, 1), teacher);
  const log: TrainingStep[] = [];
  const plan = {
    parameters,
    trained: isTrained,
    objective: distillationObjective({ draft, target }, loss),
    batches: () => [batch],
    steps,
    schedule: constantSchedule(1e-2),
    optimizer: (weights: typeof parameters, trained: readonly string[]) => new AdamW(weights, trained),
  };
  for await (const step of train(plan, { identity: { recipe: loss, seed: 1 }, threads: 1 })) log.push(step);
  return { parameters, teacher, log };
}

describe('distillation', () => {
  it.each(distillationLosses.filter((loss) => loss !== 'cross-entropy'))(
    'by %s makes drafts more acceptable, and leaves the target alone',
    async (loss) => {
      const { parameters, teacher, log } = await distil(loss, 25);
      const acceptance = log.map(({ metrics }) => metrics.acceptance);
      expect(acceptance[0]).toBeGreaterThan(0);
      expect(acceptance.at(-1)!).toBeGreaterThan(acceptance[0] + 0.1);
      expect(acceptance.at(-1)!).toBeLessThanOrEqual(1 + 1e-5);
      for (const [name, { data }] of teacher) expect(parameters.get(`target.${name}`)!.data).toEqual(data);
    },
  );

  it('by cross entropy learns the answers', async () => {
    const { log } = await distil('cross-entropy', 25);
    expect(log.at(-1)!.loss).toBeLessThan(log[0].loss / 2);
    expect(log[3].loss).toBeCloseTo(log[3].metrics.crossEntropy, 5);
  });

  it('by total variation has the loss that acceptance leaves', async () => {
    const { log } = await distil('tvd', 2);
    for (const { loss, metrics } of log) expect(loss + metrics.acceptance).toBeCloseTo(1, 5);
  });

  it('gives back the weights of the draft alone', () => {
    const own = freshWeights(draft, 1);
    const both = withTarget(own, freshWeights(target, 2));
    expect(both.size).toBe(own.size + llamaWeightShapes(target).size);
    expect(withoutTarget(both)).toEqual(own);
  });
});
