import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { float32 } from '../graph/types.ts';
import { accumulate } from './gradients.ts';
import type { Optimizer, Update } from './optimizers/optimizer.ts';
import { type Objective, TrainingProgram } from './program.ts';
import type { RecipeOptions } from './recipe.ts';
import { houseModel } from './recipes/house.ts';
import { Mixture } from './recipes/mixture.ts';
import { causalBatch } from './sequences.ts';
import { lineBatch, linePlan } from './testing/line.ts';
import { type TinyOptions, tinyRecipe } from './testing/tiny-recipe.ts';
import { type TrainingPlan, type TrainingStep, type TrainOptions, train } from './trainer.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-trainer-'));
afterAll(() => rm(root, { recursive: true }));
const newFolder = () => mkdtemp(join(root, 'run-'));

const identity = { recipe: 'test', seed: 1 };
const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({ identity, threads: 1, ...more });

/** Trains to the end, or to where it fails. */
async function run(plan: TrainingPlan, more?: Partial<TrainOptions>): Promise<TrainingStep[]> {
  const steps: TrainingStep[] = [];
  for await (const step of train(plan, options(more))) steps.push(step);
  return steps;
}

/** An optimizer that changes nothing and keeps what it is told. */
function recorder(): Optimizer & { updates: Update[] } {
  const updates: Update[] = [];
  return {
    updates,
    state: new Map(),
    update: async (update) => {
      updates.push(update);
    },
  };
}

const weightsOf = ({ parameters }: TrainingPlan) =>
  new Map([...parameters].map(([name, { data }]) => [name, data.slice()]));
/** What two runs of the same numbers have in common; times differ. */
const numbersOf = (steps: readonly TrainingStep[]) => steps.map(({ seconds: _, ...rest }) => rest);

describe('a step', () => {
  it('adds up its batches: 8 examples at once are 4 and 4', async () => {
    const size = { hiddenSize: 16, intermediateSize: 32, layers: 1, heads: 2 };
    const { encode, eos } = await houseModel(size);
    const examples = new Mixture(1, encode).examples(1, 8, 1);
    const batches = [examples, examples.slice(0, 4), examples.slice(4)].map((part) =>
      causalBatch(part, eos, 100),
    );
    const { plan } = await tinyRecipe().prepare({ seed: 1 });
    const shapes = new Map([...plan.parameters].map(([name, { shape }]) => [name, shape]));
    await using program = await TrainingProgram.load(shapes, plan.objective, undefined, { threads: 1 });
    const [whole, sum, rest] = [
      await program.run(plan.parameters, batches[0]),
      await program.run(plan.parameters, batches[1]),
      await program.run(plan.parameters, batches[2]),
    ];
    accumulate(sum.gradients, rest.gradients);
    expect(sum.loss + rest.loss).toBeCloseTo(whole.loss, 6);
    let largest = 0;
    for (const [name, gradient] of whole.gradients) {
      const parts = sum.gradients.get(name)!;
      gradient.forEach((value, i) => {
        largest = Math.max(largest, Math.abs(value));
        expect(Math.abs(value - parts[i]), `${name}[${i}]`).toBeLessThan(1e-6);
      });
    }
    expect(largest).toBeGreaterThan(1e-3);
  });

  it('reports loss and metrics of all its batches', async () => {
    const halves = { batches: () => [lineBatch(1), lineBatch(2)], steps: 1 };
    const [both] = await run(linePlan(halves));
    const [first] = await run(linePlan({ batches: () => [lineBatch(1)], steps: 1 }));
    const [second] = await run(linePlan({ batches: () => [lineBatch(2)], steps: 1 }));
    expect(both.loss).toBeCloseTo(first.loss + second.loss, 5);
    expect(both.metrics.error).toBeCloseTo(first.metrics.error + second.metrics.error, 5);
    expect(both).toMatchObject({ step: 1, steps: 1, learningRate: expect.closeTo(0.1, 12) });
  });

  it('clips the norm of the sum, and reports it as it was', async () => {
    const clipped = recorder();
    const [step] = await run(linePlan({ steps: 1, clip: 0.5, optimizer: () => clipped }));
    const [{ gradients, scale }] = clipped.updates;
    expect(Math.hypot(...gradients.get('w')!)).toBeCloseTo(step.gradientNorm, 6);
    expect(step.gradientNorm).toBeGreaterThan(0.5);
    expect(step.gradientNorm * scale).toBeCloseTo(0.5, 12);
  });

  it.each([{ clip: 1e6 }, {}])('leaves gradients alone with %j', async (clip) => {
    const free = recorder();
    await run(linePlan({ steps: 1, ...clip, optimizer: () => free }));
    expect(free.updates[0].scale).toBe(1);
  });

  it('takes the learning rate from the schedule', async () => {
    const steps = await run(linePlan({ schedule: (step) => step / 100, steps: 3 }));
    expect(steps.map(({ learningRate }) => learningRate)).toEqual([0.01, 0.02, 0.03]);
  });

  it('learns', async () => {
    const plan = linePlan({ steps: 300 });
    const steps = await run(plan);
    expect(steps[299].loss).toBeLessThan(steps[0].loss / 1000);
    [1, -2, 3, 0.5].forEach((truth, i) => {
      expect(plan.parameters.get('w')!.data[i]).toBeCloseTo(truth, 1);
    });
  });
});

describe('the result', () => {
  it('is the moving average where the plan keeps one', async () => {
    const kept = linePlan({ average: 0.5, steps: 1 });
    const plain = linePlan({ steps: 1 });
    await run(kept);
    await run(plain);
    const last = plain.parameters.get('w')!.data;
    // The first step keeps 2/11 of the start, which was 0.
    kept.parameters.get('w')!.data.forEach((value, i) => {
      expect(value).toBeCloseTo((last[i] * 9) / 11, 6);
    });
  });

  it('leaves weights alone that are not trained', async () => {
    const parameters = new Map([
      ['w', float32([4], [0, 0, 0, 0])],
      ['frozen', float32([4], [1, 2, 3, 4])],
    ]);
    const objective: Objective = (b, weight) => {
      const sum = b.add(weight('w'), weight('frozen'));
      return { loss: b.reduceSum(b.mul(sum, sum), [0], false) };
    };
    const trained = (name: string) => name === 'w';
    await run(linePlan({ parameters, objective, trained, batches: () => [{}] }));
    expect([...parameters.get('frozen')!.data]).toEqual([1, 2, 3, 4]);
    expect(parameters.get('w')!.data[3]).not.toBe(0);
  });
});

const tiny: (TinyOptions & { name: string })[] = [
  { name: 'Muon with an average', optimizer: 'muon', average: 0.9 },
  { name: 'AdamW', optimizer: 'adamw' },
];
const prepare = async (recipe: TinyOptions, more: Partial<RecipeOptions> = {}) =>
  (await tinyRecipe(recipe).prepare({ seed: 1, steps: 5, ...more })).plan;

describe.each(tiny)('a run with $name', ({ name: _, ...recipe }) => {
  it('has the same numbers each time, and others with another seed', async () => {
    const [first, again, other] = [
      await prepare(recipe),
      await prepare(recipe),
      await prepare(recipe, { seed: 2 }),
    ];
    const before = weightsOf(first);
    const steps = await run(first);
    expect(numbersOf(await run(again))).toEqual(numbersOf(steps));
    expect(weightsOf(again)).toEqual(weightsOf(first));
    await run(other);
    for (const [name, data] of weightsOf(other)) {
      if (!name.endsWith('norm.weight')) expect(data).not.toEqual(weightsOf(first).get(name));
      expect(weightsOf(first).get(name)).not.toEqual(before.get(name));
    }
  });

  it('goes on to the same numbers, wherever it was stopped', async () => {
    const whole = await prepare(recipe);
    const expected = numbersOf(await run(whole));
    for (const stop of [1, 3, 5]) {
      const folder = await newFolder();
      const begun: TrainingStep[] = [];
      for await (const step of train(await prepare(recipe), options({ folder, saveEvery: 2 }))) {
        begun.push(step);
        if (step.step === stop) break;
      }
      const resumed = await prepare(recipe);
      const rest = await run(resumed, { folder });
      expect(numbersOf([...begun, ...rest])).toEqual(expected);
      expect(weightsOf(resumed)).toEqual(weightsOf(whole));
    }
  });

  it('goes on to the same numbers after an abort in the middle of a step', async () => {
    const whole = await prepare(recipe);
    const expected = numbersOf(await run(whole));
    const folder = await newFolder();
    const begun: TrainingStep[] = [];
    const reason = new Error('enough');
    for (const stop of [2, 4]) {
      const control = new AbortController();
      const onStep = (step: number) => {
        if (step === stop) control.abort(reason);
      };
      const stopped = await prepare({ ...recipe, onStep });
      const steps = train(stopped, options({ folder, signal: control.signal }));
      await expect(
        (async () => {
          for await (const step of steps) begun.push(step);
        })(),
      ).rejects.toBe(reason);
      expect(begun).toHaveLength(stop - 1);
    }
    const resumed = await prepare(recipe);
    expect(numbersOf([...begun, ...(await run(resumed, { folder }))])).toEqual(expected);
    expect(weightsOf(resumed)).toEqual(weightsOf(whole));
  });

  it('goes on with what the batches had kept', async () => {
    /** Batches of the weights as they were before step 1 or 4, which come late. */
    const plan = () => {
      const parameters = new Map([['w', float32([4], new Float32Array(4))]]);
      const kept = float32([4], new Float32Array(4));
      const batches = async (step: number) => {
        if (step % 3 === 1) kept.data.set(parameters.get('w')!.data);
        const { x, y } = lineBatch(step);
        const moved = Float32Array.from(y.data as Float32Array, (value, i) => value + kept.data[i % 4]);
        return [{ x, y: float32(y.shape, moved) }];
      };
      return linePlan({ parameters, batches, state: new Map([['kept', kept]]), steps: 6 });
    };
    const whole = plan();
    const expected = numbersOf(await run(whole));
    for (const stop of [1, 2, 3, 4, 5]) {
      const folder = await newFolder();
      for await (const step of train(plan(), options({ folder }))) if (step.step === stop) break;
      const resumed = plan();
      expect(numbersOf(await run(resumed, { folder }))).toEqual(expected.slice(stop));
      expect(weightsOf(resumed)).toEqual(weightsOf(whole));
    }
  });

  it('is the same when it is run again at its end', async () => {
    const folder = await newFolder();
    const whole = await prepare(recipe);
    await run(whole, { folder });
    const again = await prepare(recipe);
    expect(await run(again, { folder })).toEqual([]);
    expect(weightsOf(again)).toEqual(weightsOf(whole));
  });
});

describe('what goes wrong', () => {
  const notFinite = (message: RegExp) => ({ code: 'not-finite', message: expect.stringMatching(message) });

  it('names the operator whose number is not finite', async () => {
    const objective: Objective = (b, weight) => {
      const x = b.input('x', 'float32', [4]);
      return { loss: b.reduceSum(b.log(b.add(weight('w'), x)), [0], false) };
    };
    const batches = (step: number) => [{ x: float32([4], [9, 9, step < 3 ? 9 : -99, 9]) }];
    const folder = await newFolder();
    const plan = linePlan({ objective, batches });
    const steps: TrainingStep[] = [];
    const failing = async () => {
      for await (const step of train(plan, options({ folder }))) steps.push(step);
    };
    await expect(failing()).rejects.toMatchObject(
      notFinite(/^Step 3: a number stopped being finite in %\d+ float32\[4\] = log\(/),
    );
    expect(steps.map(({ step }) => step)).toEqual([1, 2]);
    // The state before the failure is kept, to go on from with a lower learning rate for instance.
    const resumed = linePlan({ objective, batches: () => batches(1) });
    expect((await run(resumed, { folder }))[0].step).toBe(3);
  });

  it('names the operator of the backward pass', async () => {
    const objective: Objective = (b, weight) => ({ loss: b.reduceSum(b.sqrt(weight('w')), [0], false) });
    const plan = linePlan({ objective, batches: () => [{}] });
    // √0 is 0 and its derivative infinite.
    await expect(run(plan)).rejects.toMatchObject(
      notFinite(/^Step 1: a number stopped being finite in %\d+ float32.* = (div|pow|reciprocal)\(/),
    );
    expect([...plan.parameters.get('w')!.data]).toEqual([0, 0, 0, 0]);
  });

  it('says so when only the sum of the gradients is not finite', async () => {
    const objective: Objective = (b, weight) => {
      const x = b.input('x', 'float32', [4]);
      return { loss: b.reduceSum(b.mul(weight('w'), x), [0], false) };
    };
    const batch = { x: float32([4], new Float32Array(4).fill(3e38)) };
    await expect(run(linePlan({ objective, batches: () => [batch, batch] }))).rejects.toMatchObject(
      notFinite(/^Step 1: the sum of the gradients is not finite\./),
    );
  });

  it('does not save half an update', async () => {
    const folder = await newFolder();
    const failing = recorder();
    failing.update = async ({ parameters, step }) => {
      parameters.get('w')!.data[0] += 1;
      if (step === 3) throw new Error('no memory');
      parameters.get('w')!.data[1] += 1;
    };
    const optimizer = () => failing;
    await expect(run(linePlan({ optimizer }), { folder, saveEvery: 2 })).rejects.toThrow('no memory');
    const resumed = linePlan({ optimizer: recorder });
    const [first] = await run(resumed, { folder });
    expect(first.step).toBe(3);
    expect([...resumed.parameters.get('w')!.data]).toEqual([2, 2, 0, 0]);
  });

  it('frees the optimizer, whatever happens', async () => {
    let disposed = 0;
    const optimizer = () => ({
      ...recorder(),
      dispose: async () => {
        disposed++;
      },
    });
    await run(linePlan({ optimizer }));
    for await (const _ of train(linePlan({ optimizer }), options())) break;
    const signal = AbortSignal.abort(new Error('no'));
    await expect(run(linePlan({ optimizer }), { signal })).rejects.toThrow('no');
    expect(disposed).toBe(3);
  });
});
