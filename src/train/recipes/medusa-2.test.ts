/** What joint training of a model and its heads reads and optimizes. */

import { describe, expect, it } from 'vitest';
import { TrainingProgram } from '../program.ts';
import { houseMedusa2, jointBatch } from './medusa-2.ts';

describe('jointBatch', () => {
  const examples = [
    { tokens: Int32Array.of(5, 6, 7, 8, 9, 10), answerStart: 2 },
    { tokens: Int32Array.of(3, 4, 11), answerStart: 1 },
  ];
  const batch = jointBatch(examples, { pad: 0, heads: 2, normalizer: 4 });
  const rowsOf = (name: string) => {
    const data = [...batch[name].data].map(Number);
    return Array.from({ length: data.length / 5 }, (_, row) => data.slice(row * 5, (row + 1) * 5));
  };

  it('asks each head for the token that many places behind the next, within the answer', () => {
    expect(rowsOf('ids')).toEqual([
      [5, 6, 7, 8, 9],
      [3, 4, 0, 0, 0],
    ]);
    // Row 1 stands before token 7, the answer's first; head 0 says the one after it.
    expect(rowsOf('headTargets')).toEqual([
      [0, 8, 9, 10, 0],
      [11, 0, 0, 0, 0],
      [0, 9, 10, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
  });

  it('weighs a head by 0.8 of the one before it, and nothing where there is no such token', () => {
    const near = (row: number[]) => row.map((x) => Math.round(1000 * x));
    expect(rowsOf('headWeights').map(near)).toEqual([
      [0, 250, 250, 250, 0],
      [250, 0, 0, 0, 0],
      [0, 200, 200, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
  });
});

it('begins without any drift from the model, trains adapters and heads alone, and lowers the loss', async () => {
  const { plan } = await houseMedusa2.prepare({
    seed: 7,
    steps: 4,
    runtime: { threads: 1 },
  });
  const shapes = new Map([...plan.parameters].map(([name, { shape }]) => [name, shape]));
  await using program = await TrainingProgram.load(shapes, plan.objective, plan.trained, { threads: 1 });
  expect(program.trained.every((name) => /lora_|^heads\./.test(name))).toBe(true);
  const [batch] = await plan.batches(1);
  const before = await program.run(plan.parameters, batch);
  expect(before.metrics.drift).toBeCloseTo(0, 5);
  expect(before.loss).toBeCloseTo(0.2 * before.metrics.guessing, 5);
  const optimizer = await plan.optimizer(plan.parameters, program.trained, {});
  const { gradients } = before;
  await optimizer.update({ parameters: plan.parameters, gradients, step: 1, learningRate: 1e-3, scale: 1 });
  const after = await program.run(plan.parameters, batch);
  expect(after.loss).toBeLessThan(before.loss);
  expect(after.metrics.drift).toBeGreaterThan(0);
});
