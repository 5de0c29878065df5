/** Certainty forcing: its loss and gradient against the formula, and what it comes to without its parts. */

import { describe, expect, it } from 'vitest';
import { normal } from '../decode/random.ts';
import { softmaxOf } from '../decode/testing/reference-canvas.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { differentiate } from '../graph/differentiate.ts';
import { Program } from '../graph/session.ts';
import { float32, tensor } from '../graph/types.ts';
import { type CertaintyOptions, certaintyObjective, certaintyPenalty } from './certainty.ts';
import { type Batch, type Objective, TrainingProgram } from './program.ts';
import { freshWeights, houseModel } from './recipes/house.ts';
import { segmentBatch } from './segments.ts';
import { sequenceObjective } from './sequence-model.ts';

const [batch, rows, vocab] = [3, 5, 7];
const noise = (step: number, size: number, scale = 1) =>
  Float32Array.from(
    { length: size },
    (_, position) => scale * normal({ seed: 3, stream: 300, step, position }),
  );

const logits = noise(1, batch * rows * vocab, 2);
const row = (of: ArrayLike<number>, at: number) => Array.from(of).slice(at * vocab, (at + 1) * vocab);
/** Half of the targets are what is predicted; the last view has none of them. */
const targets = Int32Array.from({ length: batch * rows }, (_, at) => {
  const l = row(logits, at);
  const best = l.indexOf(Math.max(...l));
  return at % 2 === 0 && at < 2 * rows ? best : (best + 1) % vocab;
});
/** All but one of the rows of each view ask about something. */
const weights = Float32Array.from({ length: batch * rows }, (_, at) => (at % rows === 2 ? 0 : 0.25));
const share = 0.2;

/** The penalty by the paper's formula, in float64. */
function plainPenalty(of: ArrayLike<number>, chosen: readonly boolean[], temperature: number): number {
  let total = 0;
  for (let view = 0; view < batch; view++) {
    const members = Array.from({ length: rows }, (_, i) => view * rows + i).filter((at) => chosen[at]);
    for (const at of members) {
      const q = softmaxOf(row(of, at).map((l) => l / temperature));
      const entropy = -q.reduce((sum, p) => sum + p * Math.log(p + 1e-12), 0);
      total += (share * entropy) / Math.max(1, members.length);
    }
  }
  return total;
}

const chosenBy = {
  right: Array.from(targets, (target, at) => {
    const l = row(logits, at);
    return weights[at] > 0 && l.indexOf(Math.max(...l)) === target;
  }),
  all: Array.from(weights, (weight) => weight > 0),
};

async function penaltyOf(options: Omit<CertaintyOptions, 'beta'>) {
  const b = new GraphBuilder();
  const l = b.input('logits', 'float32', ['batch*rows', vocab]);
  const inputs = {
    targets: b.input('targets', 'int32', ['batch*rows']),
    weights: b.input('weights', 'float32', ['batch*rows']),
    share: b.input('share', 'float32', ['batch', 1]),
  };
  // Binds the symbols one by one, and reads the targets where the penalty does not.
  b.output('targets read', b.cast(inputs.targets, 'int64'));
  b.output('bound', b.add(b.input('ids', 'float32', ['batch', 'rows']), 0));
  const penalty = certaintyPenalty(b, l, inputs, 'rows', options);
  b.output('penalty', penalty);
  b.output('gradient', differentiate(b, penalty, [l])[0]);
  await using program = await Program.load(b.build(), { threads: 1 });
  const outputs = await program.run({
    logits: float32([batch * rows, vocab], logits),
    targets: tensor('int32', [batch * rows], targets),
    weights: float32([batch * rows], weights),
    share: float32([batch, 1], new Float32Array(batch).fill(share)),
    ids: float32([batch, rows], new Float32Array(batch * rows)),
  });
  return { penalty: Number(outputs.penalty.data[0]), gradient: outputs.gradient.data as Float32Array };
}

describe('the penalty', () => {
  it('has views with some right predictions, and one with none', () => {
    const perView = [0, 1, 2].map(
      (view) => chosenBy.right.slice(view * rows, (view + 1) * rows).filter(Boolean).length,
    );
    expect(perView.slice(0, 2).every((count) => count > 0 && count < rows - 1)).toBe(true);
    expect(perView[2]).toBe(0);
  });

  it.each([
    ['right', 0.5],
    ['right', 1],
    ['all', 0.5],
  ] as const)('has the value and gradient of the formula: %s, T = %d', async (penalized, temperature) => {
    const chosen = chosenBy[penalized];
    const { penalty, gradient } = await penaltyOf({ temperature, penalized });
    expect(penalty).toBeCloseTo(plainPenalty(logits, chosen, temperature), 5);
    const h = 1e-5;
    for (let at = 0; at < logits.length; at++) {
      const moved = (by: number) => {
        const copy = Float64Array.from(logits);
        copy[at] += by;
        return plainPenalty(copy, chosen, temperature);
      };
      expect(Math.abs(gradient[at] - (moved(h) - moved(-h)) / (2 * h))).toBeLessThan(1e-5);
    }
    // -q_j / T (ln q_j + H), for the first penalized row.
    const first = chosen.indexOf(true);
    const members = chosen.slice(0, rows).filter(Boolean).length;
    const q = softmaxOf(row(logits, first).map((l) => l / temperature));
    const entropy = -q.reduce((sum, p) => sum + p * Math.log(p), 0);
    for (const [j, p] of q.entries()) {
      const expected = (((-share / members) * p) / temperature) * (Math.log(p) + entropy);
      expect(Math.abs(gradient[first * vocab + j] - expected)).toBeLessThan(1e-5);
    }
  });
});

const size = { hiddenSize: 16, intermediateSize: 32, layers: 2, heads: 2 };
const { config } = await houseModel(size, {
  is_causal: false,
  mask_token_id: 1,
  max_position_embeddings: 64,
});
const parameters = freshWeights(config, 1);
const example = (n: number, length: number) => ({
  tokens: Int32Array.from({ length }, (_, i) => 20 + ((7 * i + n) % 90)),
  answerStart: 4,
});
const segments = { pad: 0, mask: 1, blockLength: 8, shift: true, seed: 1, step: 3, normalizer: 3 };

async function gradientsOf(objective: Objective, of: Batch) {
  const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  await using program = await TrainingProgram.load(shapes, objective, undefined, { threads: 1 });
  return await program.run(parameters, of);
}

const difference = (a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>) =>
  Math.max(
    ...[...a].map(([name, x]) => x.reduce((most, v, i) => Math.max(most, Math.abs(v - b.get(name)![i])), 0)),
  );

describe('the objective', () => {
  const forcing = certaintyObjective(config, { beta: 2, temperature: 0.5 });

  it('is plain block training with beta 0 and one view', async () => {
    const examples = [0, 1, 2].map((n) => example(n, 20));
    const of = segmentBatch(examples, { ...segments, first: 0, complement: false });
    const ours = await gradientsOf(certaintyObjective(config, { beta: 0, temperature: 0.5 }), of);
    const { share: _, ...inputs } = of;
    const plain = { ...inputs, bias: float32([1, 1, 20, 20], new Float32Array(400)) };
    const { loss, gradients } = await gradientsOf(sequenceObjective(config), plain);
    expect(ours.loss).toBeCloseTo(loss, 6);
    expect(difference(ours.gradients, gradients)).toBeLessThan(1e-6);
  });

  it('adds up: cross entropy and beta times the entropy', async () => {
    const of = segmentBatch([example(0, 20)], { ...segments, first: 0 });
    const { loss, metrics } = await gradientsOf(
      certaintyObjective(config, { beta: 2, temperature: 0.5, penalized: 'all' }),
      of,
    );
    expect(metrics.entropy).toBeGreaterThan(0);
    expect(loss).toBeCloseTo(metrics.crossEntropy + 2 * metrics.entropy, 5);
  });

  it('does not see what pads a short example', async () => {
    const [short, long] = [example(0, 11), example(1, 23)];
    const both = await gradientsOf(forcing, segmentBatch([short, long], { ...segments, first: 0 }));
    const parts = [
      await gradientsOf(forcing, segmentBatch([short], { ...segments, first: 0 })),
      await gradientsOf(forcing, segmentBatch([long], { ...segments, first: 1 })),
    ];
    expect(both.loss).toBeCloseTo(parts[0].loss + parts[1].loss, 4);
    const sum = new Map(
      [...parts[0].gradients].map(([name, x]) => [
        name,
        x.map((v, i) => v + parts[1].gradients.get(name)![i]),
      ]),
    );
    expect(difference(both.gradients, sum)).toBeLessThan(1e-5);
  });
});
