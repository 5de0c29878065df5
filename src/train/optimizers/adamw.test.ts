import { describe, expect, it } from 'vitest';
import { trainingGolden } from '../../../test/golden/train/golden.ts';
import { float32 } from '../../graph/types.ts';
import { AdamW } from './adamw.ts';

const { options, shapes, start, steps } = trainingGolden('adamw');
const names = Object.keys(shapes);
const fresh = () => new Map(names.map((name) => [name, float32(shapes[name], start[name])]));

/** Runs the recorded gradients; `scale` is given to the optimizer and taken out of the gradients. */
async function run(scale = 1) {
  const parameters = fresh();
  const optimizer = new AdamW(parameters, names, options);
  const after: Record<string, Float32Array>[] = [];
  for (const [i, { learningRate, gradients }] of steps.entries()) {
    await optimizer.update({
      parameters,
      gradients: new Map(names.map((name) => [name, Float32Array.from(gradients[name], (g) => g / scale)])),
      step: i + 1,
      learningRate,
      scale,
    });
    after.push(Object.fromEntries(names.map((name) => [name, parameters.get(name)!.data.slice()])));
  }
  return after;
}

describe('AdamW', () => {
  it('takes the steps of PyTorch, decaying the matrix and not the vector', async () => {
    for (const [i, parameters] of (await run()).entries()) {
      for (const name of names) {
        const expected = steps[i].parameters[name];
        parameters[name].forEach((value, at) => {
          expect(Math.abs(value - expected[at]), `${name}[${at}] after step ${i + 1}`).toBeLessThan(1e-6);
        });
      }
    }
  });

  it('multiplies gradients by the clipping factor', async () => {
    const [plain, scaled] = [await run(), await run(0.25)];
    expect(scaled).toEqual(plain);
  });

  it('gives a parameter its own rate', async () => {
    const step = async (rateOf: (name: string) => number, learningRate: number) => {
      const parameters = fresh();
      const [{ gradients }] = steps;
      await new AdamW(parameters, names, { ...options, rateOf }).update({
        parameters,
        gradients: new Map(names.map((name) => [name, Float32Array.from(gradients[name])])),
        step: 1,
        learningRate,
        scale: 1,
      });
      return parameters;
    };
    const own = await step((name) => (name === 'matrix' ? 4 : 1), 0.01);
    expect(own.get('matrix')).toEqual((await step(() => 1, 0.04)).get('matrix'));
    expect(own.get('vector')).toEqual((await step(() => 1, 0.01)).get('vector'));
  });

  it('changes only the parameters it was given', async () => {
    const parameters = fresh();
    const optimizer = new AdamW(parameters, ['vector'], options);
    const gradients = new Map(
      names.map((name) => [name, new Float32Array(parameters.get(name)!.data.length).fill(1)]),
    );
    await optimizer.update({ parameters, gradients, step: 1, learningRate: 0.1, scale: 1 });
    expect(parameters.get('matrix')!.data).toEqual(Float32Array.from(start.matrix));
    expect(parameters.get('vector')!.data).not.toEqual(Float32Array.from(start.vector));
    expect([...optimizer.state.keys()]).toEqual(['adamw.first.vector', 'adamw.second.vector']);
  });
});
