/** Reinforcement of a tiny model of random weights: it goes where rewards are, and on after an abort. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GroupPolicyOptions, groupPolicyPlan, type Likelihood } from './group-policy.ts';
import { openTrainable } from './open-trainable.ts';
import { writeTinyDiffusion } from './testing/tiny-diffusion.ts';
import { type TrainingStep, type TrainOptions, train } from './trainer.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-group-policy-'));
afterAll(() => rm(root, { recursive: true }));
const model = join(root, 'model');
beforeAll(() => writeTinyDiffusion(model));

const likelihoods: Likelihood[] = ['trajectory', 'one-step', 'masked-prompt'];

/** Share of vowels. */
function reward(text: string): number {
  const letters = [...text].filter((letter) => letter.trim() !== '');
  return letters.filter((letter) => 'aeiou'.includes(letter)).length / Math.max(1, letters.length);
}

async function planOf(changes: Partial<GroupPolicyOptions> = {}) {
  const trainable = await openTrainable(model);
  return groupPolicyPlan(trainable, {
    likelihood: 'trajectory',
    prompts: (number) =>
      [[40 + number, 41, 42].map((token) => token % 600), [50, 51 + (number % 7)]].map((tokens) => ({
        tokens,
        reward,
      })),
    method: 'eoser-ass-cjgrpo',
    samples: 6,
    canvas: 8,
    temperature: 1,
    updatesPerRollout: 2,
    epsilon: 0.2,
    beta: 0.02,
    steps: 4,
    learningRate: 1e-2,
    clip: 1,
    seed: 3,
    runtime: { threads: 1 },
    ...changes,
  });
}

async function run(plan: Awaited<ReturnType<typeof planOf>>, more: Partial<TrainOptions> = {}) {
  const steps: TrainingStep[] = [];
  const options = { identity: { recipe: 'test', seed: 3 }, threads: 1, ...more };
  for await (const step of train(plan, options)) steps.push(step);
  return steps;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const numbersOf = (steps: readonly TrainingStep[]) => steps.map(({ seconds: _, ...rest }) => rest);

describe.each(likelihoods)('with the likelihood %s', (likelihood) => {
  it('begins at the policy gradient of a policy that is its own reference', async () => {
    const [first, second, third] = await run(await planOf({ likelihood }));
    // Advantages add up to 0, every answer has as many tokens in each step, and all ratios are 1.
    expect(first.loss).toBeCloseTo(0, 6);
    expect(Math.abs(first.metrics.kl)).toBeLessThan(1e-7);
    expect(first.gradientNorm).toBeGreaterThan(1e-3);
    expect(second.loss).toBeLessThan(first.loss);
    expect(second.metrics.reward).toBe(first.metrics.reward);
    expect(third.metrics.kl).toBeGreaterThan(1e-6);
    expect(third.metrics.reward).not.toBe(first.metrics.reward);
  });

  it('goes on from between two updates on a rollout to the very numbers', async () => {
    const whole = await planOf({ likelihood });
    const expected = numbersOf(await run(whole));
    const folder = join(root, likelihood);
    const control = new AbortController();
    const begun: TrainingStep[] = [];
    const stopped = async () => {
      const options = { identity: { recipe: 'test', seed: 3 }, threads: 1, folder, signal: control.signal };
      for await (const step of train(await planOf({ likelihood }), options)) {
        begun.push(step);
        if (step.step === 3) control.abort(new Error('enough'));
      }
    };
    await expect(stopped()).rejects.toThrow('enough');
    const resumed = await planOf({ likelihood });
    const rest = await run(resumed, { folder });
    expect(numbersOf([...begun, ...rest])).toEqual(expected);
    for (const [name, { data }] of whole.parameters)
      expect(resumed.parameters.get(name)!.data, name).toEqual(data);
  });
});

describe('training', () => {
  const learn = async (sign: 1 | -1) => {
    const plan = await planOf({
      steps: 80,
      samples: 16,
      // Nothing that holds it back.
      beta: 0,
      prompts: () =>
        [50, 60].map((token) => ({ tokens: [token, 51], reward: (text) => sign * reward(text) })),
    });
    const rewards = (await run(plan)).map(({ metrics }) => sign * metrics.reward);
    return { first: mean(rewards.slice(0, 10)), last: mean(rewards.slice(-10)) };
  };

  it('raises what is rewarded', async () => {
    const { first, last } = await learn(1);
    expect(last).toBeGreaterThan(first + 0.15);
  });

  it('lowers it when it is punished', async () => {
    const { first, last } = await learn(-1);
    expect(last).toBeLessThan(first - 0.15);
  });
});
