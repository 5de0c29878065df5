import { describe, expect, it } from 'vitest';
import type { Objective } from './program.ts';
import { TrainingProgram } from './program.ts';
import { leastSquares, lineBatch, linePlan } from './testing/line.ts';

const shapes = new Map([
  ['w', [4]],
  ['unread', [2]],
]);
const load = (objective: Objective, trained?: (name: string) => boolean) =>
  TrainingProgram.load(shapes, objective, trained, { threads: 1 });

describe('TrainingProgram', () => {
  it('trains the weights that the objective reads, and reports its metrics', async () => {
    await using program = await load(leastSquares);
    expect(program.trained).toEqual(['w']);
    const { parameters } = linePlan();
    const batch = lineBatch(1);
    const { loss, metrics, gradients } = await program.run(parameters, batch);
    const y = batch.y.data as Float32Array;
    const x = batch.x.data as Float32Array;
    expect(loss).toBeCloseTo(y.reduce((sum, value) => sum + value * value, 0) / y.length, 4);
    expect(metrics.error).toBeCloseTo(y.reduce((sum, value) => sum + Math.abs(value), 0) / y.length, 4);
    for (let i = 0; i < 4; i++) {
      const expected = y.reduce((sum, value, row) => sum - (2 * value * x[row * 4 + i]) / y.length, 0);
      expect(gradients.get('w')![i]).toBeCloseTo(expected, 4);
    }
  });

  it('names the weight that the model has not', async () => {
    const objective: Objective = (b, weight) => ({ loss: b.reduceSum(weight('v'), [0], false) });
    await expect(load(objective)).rejects.toMatchObject({
      code: 'bad-option',
      message: 'The model has no weight v. It has: w, unread.',
    });
  });

  it('refuses to train nothing', async () => {
    const refusal = { code: 'bad-option', message: expect.stringMatching(/^No weight is trained\./) };
    await expect(load(leastSquares, () => false)).rejects.toMatchObject(refusal);
    await expect(load(leastSquares, (name) => name === 'unread')).rejects.toMatchObject(refusal);
  });

  it('reads one weight once, however often it is asked for', async () => {
    const objective: Objective = (b, weight) => ({
      loss: b.reduceSum(b.mul(weight('w'), weight('w')), [0], false),
    });
    await using program = await load(objective);
    const { parameters } = linePlan();
    parameters.get('w')!.data.set([1, 2, 3, 4]);
    const { loss, gradients } = await program.run(parameters, {});
    expect(loss).toBe(30);
    expect([...gradients.get('w')!]).toEqual([2, 4, 6, 8]);
  });
});
