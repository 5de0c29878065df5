/** Sampled answers of a tiny model of random weights: where they come from, and what is kept of them. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../decode/generate.ts';
import { ascendingQuotas } from '../decode/masked-diffusion/commit/ascending.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { openTrainable, type Trainable } from './open-trainable.ts';
import { TokenScorer } from './policy.ts';
import { advantagesOf, type RolloutOptions, rollOut } from './rollouts.ts';
import { writeTinyDiffusion } from './testing/tiny-diffusion.ts';
import { stepSizes, trajectoryBatch } from './trajectories.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-rollouts-'));
let trainable: Trainable;
let model: LanguageModel;
beforeAll(async () => {
  await writeTinyDiffusion(root);
  trainable = await openTrainable(root);
  model = await trainable.decoder(trainable.parameters, { threads: 1 });
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

const canvas = 12;
const told: string[] = [];
const prompts = [
  [40, 41, 42],
  [50, 51],
].map((tokens) => ({
  tokens,
  reward: (text: string) => {
    told.push(text);
    return text.length;
  },
}));
const options: RolloutOptions = {
  method: 'eoser-ass-cjgrpo',
  samples: 3,
  canvas,
  temperature: 1,
  seed: 7,
  number: 2,
};

describe('a rollout', () => {
  it('fills every canvas in ascending steps, and rewards the text before the first end token', async () => {
    told.length = 0;
    const groups = await rollOut(model, prompts, options);
    expect(groups).toHaveLength(2);
    for (const [g, { trajectories, rewards }] of groups.entries()) {
      expect(trajectories).toHaveLength(3);
      for (const [n, { prompt, tokens, steps }] of trajectories.entries()) {
        expect(prompt).toEqual(prompts[g].tokens);
        expect(stepSizes([{ prompt, tokens, steps }])).toEqual(ascendingQuotas(canvas));
        const end = tokens.findIndex((token) => model.eosIds.includes(token));
        const text = model.tokenizer.decode(end === -1 ? tokens : tokens.slice(0, end));
        expect(told[n * prompts.length + g].trim()).toBe(text.trim());
        expect(rewards[n]).toBe(told[n * prompts.length + g].length);
      }
    }
  });

  it('is the same with the same seed, and another with another seed, number or sample', async () => {
    const tokensOf = async (more: Partial<RolloutOptions>) => {
      const groups = await rollOut(model, prompts, { ...options, ...more });
      return groups.map(({ trajectories }) => trajectories.map(({ tokens }) => tokens.join()));
    };
    const first = await tokensOf({});
    expect(await tokensOf({})).toEqual(first);
    expect(await tokensOf({ seed: 8 })).not.toEqual(first);
    expect(await tokensOf({ number: 3 })).not.toEqual(first);
    for (const group of first) expect(new Set(group).size).toBe(3);
  });

  it('has the log probabilities that decoding saw', async () => {
    const tokens = [...prompts[0].tokens];
    const probabilities: number[] = [];
    const trajectory = { prompt: tokens, tokens: [] as number[], steps: [] as number[] };
    const generation = generate(
      model,
      { tokens },
      {
        method: options.method,
        methodOptions: { earlyStop: 'never' },
        maxTokens: canvas,
        temperature: 1,
        seed: 5,
      },
    );
    for await (const { step, committed } of generation) {
      for (const { position, token, probability } of committed) {
        trajectory.tokens[position] = token;
        trajectory.steps[position] = step - 1;
        probabilities[position] = probability;
      }
    }
    const { config } = trainable;
    const { asked } = trajectoryBatch([trajectory], stepSizes([trajectory]), {
      mask: config.maskTokenId!,
      shift: config.shiftLogits,
    });
    await using scorer = await TokenScorer.load(config, { threads: 1 });
    const scores = await scorer.score(trainable.parameters, asked);
    const rows = asked.ids.shape[1] as number;
    for (const [i, score] of scores.entries()) {
      const position = (Number(asked.headRows.data[i]) % rows) + 1 - tokens.length;
      expect(Math.exp(score) / probabilities[position]).toBeCloseTo(1, 4);
    }
  });

  it('refuses a canvas that the context has no room for', async () => {
    await expect(rollOut(model, prompts, { ...options, canvas: 127 })).rejects.toMatchObject({
      code: 'bad-input',
    });
  });
});

describe('advantages', () => {
  it('add up to 0, and are 0 where all rewards are the same', () => {
    const rewards = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(rewards, (drawn) => {
        const advantages = advantagesOf(drawn);
        expect(advantages.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 10);
        // Not divided by the deviation.
        expect(Math.max(...advantages) - Math.min(...advantages)).toBeCloseTo(
          Math.max(...drawn) - Math.min(...drawn),
          10,
        );
      }),
    );
    expect(advantagesOf([1, 1, 1, 1])).toEqual([0, 0, 0, 0]);
    expect(advantagesOf([1, 0, 0, 1])).toEqual([0.5, -0.5, -0.5, 0.5]);
  });
});
