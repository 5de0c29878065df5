/** The objective of GRPO on a small model, against finite differences and against the formula written out. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.ts';
import { Program } from '../graph/session.ts';
import { float32 } from '../graph/types.ts';
import { withoutMask } from '../models/llama.ts';
import { llamaWeightShapes, trainableLlama } from '../models/llama-training.ts';
import { crossEntropyRows, klEstimate, weightedSum } from './losses.ts';
import type { Parameters } from './parameters.ts';
import { policyObjective, TokenScorer } from './policy.ts';
import { type Batch, type Objective, TrainingProgram } from './program.ts';
import { freshWeights, houseModel } from './recipes/house.ts';
import { plainWeights } from './sequence-model.ts';
import { stepSizes, type Trajectory, trajectoryBatch } from './trajectories.ts';

const { config, mask } = await houseModel(
  { hiddenSize: 16, intermediateSize: 32, layers: 1, heads: 2 },
  { is_causal: false, shift_logits: true, mask_token_id: 1, max_position_embeddings: 64 },
);
const shapes = llamaWeightShapes(config);
const [current, earlier, reference] = [1, 2, 3].map((seed) => {
  const weights = freshWeights(config, seed);
  // Far enough from uniform that ratios leave the clipping range on both sides.
  for (const { shape, data } of weights.values())
    if (shape.length > 1) for (let i = 0; i < data.length; i++) data[i] *= 8;
  return weights;
});

const trajectories = Array.from(
  { length: 4 },
  (_, n): Trajectory => ({
    prompt: [30, 31, 32],
    tokens: Array.from({ length: 7 }, (_, i) => 5 + ((n * 7 + i * i) % 600)),
    steps: [
      [0, 1, 1, 2, 2, 2, 2],
      [2, 0, 2, 1, 2, 1, 2],
    ][n % 2],
  }),
);
const { asked, owners, weights } = trajectoryBatch(trajectories, stepSizes(trajectories), {
  mask,
  shift: config.shiftLogits,
});
const count = owners.length;
const perToken = (data: Iterable<number>) => float32([count], Float32Array.from(data));
const advantages = Float32Array.from(owners, (owner) => [1, -0.5, 0.25, -0.75][owner]);

const scoreOf = async (parameters: Parameters) => {
  await using scorer = await TokenScorer.load(config, { threads: 1 });
  return await scorer.score(parameters, asked);
};
const [before, anchor] = [await scoreOf(earlier), await scoreOf(reference)];

function batch(more: Batch = {}): Batch {
  return {
    ...asked,
    advantages: perToken(advantages),
    weights: perToken(weights),
    old: perToken(before),
    reference: perToken(anchor),
    onPolicy: float32([1], [0]),
    reward: float32([1], [0.5]),
    ...more,
  };
}
const fresh: Batch = { old: perToken(new Float32Array(count)), onPolicy: float32([1], [1]) };

async function run(objective: Objective, inputs: Batch, parameters: Parameters = current) {
  await using program = await TrainingProgram.load(shapes, objective, undefined, { threads: 1 });
  return await program.run(parameters, inputs);
}

const settings = { epsilon: 0.2, beta: 0.3 };

/** The loss by its formula, in double precision. */
function lossOf(now: ArrayLike<number>): { loss: number; kl: number; clipped: Set<boolean> } {
  let [loss, kl] = [0, 0];
  const clipped = new Set<boolean>();
  for (let i = 0; i < count; i++) {
    const [ratio, d] = [Math.exp(now[i] - before[i]), anchor[i] - now[i]];
    const bounded = Math.min(Math.max(ratio, 1 - settings.epsilon), 1 + settings.epsilon);
    const gain = Math.min(ratio * advantages[i], bounded * advantages[i]);
    clipped.add(gain !== ratio * advantages[i]);
    kl += weights[i] * (Math.exp(d) - d - 1);
    loss += weights[i] * (-gain + settings.beta * (Math.exp(d) - d - 1));
  }
  return { loss, kl, clipped };
}

describe('the objective', () => {
  it('is the clipped surrogate with the weighted divergence, and tells both and the reward', async () => {
    const expected = lossOf(await scoreOf(current));
    const { loss, metrics } = await run(policyObjective(config, settings), batch());
    expect(loss).toBeCloseTo(expected.loss, 4);
    expect(metrics.kl).toBeCloseTo(expected.kl, 4);
    expect(metrics.reward).toBe(0.5);
    // Both sides, for this and the next test to mean something.
    expect(expected.clipped).toEqual(new Set([true, false]));
  });

  it('has the gradient that finite differences find, along that of each weight', async () => {
    const { gradients } = await run(policyObjective(config, settings), batch());
    await using scorer = await TokenScorer.load(config, { threads: 1 });
    const h = 2e-3;
    for (const [name, gradient] of gradients) {
      const norm = Math.hypot(...gradient);
      const { shape, data } = current.get(name)!;
      const at = async (sign: number) => {
        const moved = data.map((x, i) => x + (sign * h * gradient[i]) / norm);
        return lossOf(await scorer.score(new Map([...current, [name, float32(shape, moved)]]), asked)).loss;
      };
      expect(((await at(1)) - (await at(-1))) / (2 * h) / norm, name).toBeCloseTo(1, 1);
    }
  });

  it('has the policy gradient before the first update, for the ratios are 1 exactly', async () => {
    const policyGradient: Objective = (b, weight) => {
      const [ids, positions] = ['ids', 'positions'].map((name) => b.input(name, 'int32', ['batch', 'rows']));
      const [headRows, tokens] = ['headRows', 'tokens'].map((name) => b.input(name, 'int32', ['asked']));
      const [a, w] = ['advantages', 'weights'].map((name) => b.input(name, 'float32', ['asked']));
      const inputs = { ids, positions, bias: b.scalar(0) };
      const { logits } = trainableLlama(b, config, plainWeights(b, weight), inputs, { headRows });
      // -A ln p
      const terms = b.mul(a, crossEntropyRows(b, withoutMask(b, logits, config), tokens));
      return { loss: weightedSum(b, terms, w) };
    };
    const [a, w] = [perToken(advantages), perToken(weights)];
    const expected = await run(policyGradient, { ...asked, advantages: a, weights: w });
    // So narrow a range that any other ratio would be clipped.
    const { loss, gradients } = await run(policyObjective(config, { epsilon: 1e-6, beta: 0 }), batch(fresh));
    expect(loss).toBeCloseTo(-advantages.reduce((sum, a, i) => sum + a * weights[i], 0), 6);
    for (const [name, gradient] of expected.gradients) {
      const largest = gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
      const ours = gradients.get(name)!;
      expect(Math.max(...gradient.map((g, i) => Math.abs(g - ours[i])))).toBeLessThan(1e-4 * largest);
    }
    // And what the old policy's own scores say is the same up to rounding.
    const told = await run(
      policyObjective(config, settings),
      batch({ old: perToken(await scoreOf(current)), reference: perToken(await scoreOf(current)) }),
    );
    expect(told.loss).toBeCloseTo(loss, 5);
  });
});

describe('the divergence', () => {
  it('is 0 where policy and reference agree', async () => {
    const { metrics } = await run(
      policyObjective(config, settings),
      batch({ reference: perToken(await scoreOf(current)) }),
    );
    expect(Math.abs(metrics.kl)).toBeLessThan(1e-6);
  });

  it('is never negative, but for rounding', async () => {
    const b = new GraphBuilder();
    const [p, q] = ['p', 'q'].map((name) => b.input(name, 'float32', ['rows']));
    b.output('kl', klEstimate(b, p, q));
    await using program = await Program.load(b.build(), { threads: 1 });
    const log = fc.double({ min: -12, max: 0, noNaN: true });
    const pairs = fc.array(fc.tuple(log, log), { minLength: 1, maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(pairs, async (rows) => {
        const feed = (side: 0 | 1) =>
          float32(
            [rows.length],
            Float32Array.from(rows, (row) => row[side]),
          );
        const { kl } = await program.run({ p: feed(0), q: feed(1) });
        for (const [i, [x, y]] of rows.entries()) {
          const exact = Math.exp(y - x) - (y - x) - 1;
          expect(kl.data[i]).toBeGreaterThanOrEqual(-1e-6);
          expect(Math.abs(Number(kl.data[i]) - exact)).toBeLessThan(1e-5 * Math.max(1, exact));
        }
      }),
      { numRuns: 40 },
    );
  });
});
