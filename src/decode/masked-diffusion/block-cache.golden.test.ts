/**
 * K/V reuse within a block on real programs: against a model and a cache written out in numpy
 * (tools/golden_block_cache.py), and where it must be no approximation.
 */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../../../test/golden/models/golden.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import type { Precision } from '../../models/linear.ts';
import { loadTiny, range } from '../../models/testing/tiny.ts';
import { type GenerateOptions, generate, generateBatch } from '../generate.ts';
import type { Step } from '../step.ts';
import { trajectory } from '../testing/canvas-model.ts';
import { diffusion } from './diffusion.ts';
import { freedave } from './freedave.ts';

interface Golden {
  mask: number;
  cases: {
    model: string;
    shift: boolean;
    prompt: number[];
    options: Record<string, unknown> & { genLength: number };
    /** Position, token, probability, in commit order. */
    steps: [number, number, number][][];
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL('./block-cache.golden.json', import.meta.url), 'utf8'),
) as Golden;

const load = (name: string, precision: Precision, config: Record<string, unknown> = {}) =>
  loadTiny(fixture(name), {
    precision,
    threads: 1,
    config: { is_causal: false, mask_token_id: golden.mask, ...config },
  });

const prompt = range(9).map((i) => 20 + 7 * i);

async function stepsOf(
  model: LanguageModel,
  methodOptions: Record<string, unknown>,
  options: GenerateOptions = {},
): Promise<Step[]> {
  const steps: Step[] = [];
  const all = { method: diffusion, maxTokens: 12, methodOptions, ...options };
  for await (const step of generate(model, { tokens: prompt }, all)) steps.push(step);
  return steps;
}

describe('against numpy', () => {
  it.each(golden.cases)('$model $options', async ({ model: name, shift, prompt: tokens, options, steps }) => {
    await using model = await load(name, 'fp32', { shift_logits: shift });
    const run = generate(
      model,
      { tokens },
      {
        method: diffusion,
        maxTokens: options.genLength,
        methodOptions: options,
      },
    );
    const committed: Step['committed'][] = [];
    for await (const step of run) committed.push(step.committed);
    expect(committed.map((step) => step.map(({ position, token }) => [position, token]))).toEqual(
      steps.map((step) => step.map(([position, token]) => [position, token])),
    );
    for (const [index, [, , probability]] of steps.flat().entries())
      expect(committed.flat()[index].probability).toBeCloseTo(probability, 4);
  });
});

describe.each(['fp32', 'w8a8'] as const)('a block cache in %s', (precision) => {
  let model: LanguageModel;
  let shifted: LanguageModel;
  beforeAll(async () => {
    model = await load('llama', precision);
    shifted = await load('llama', precision, { shift_logits: true });
  });
  afterAll(async () => {
    await model[Symbol.asyncDispose]();
    await shifted[Symbol.asyncDispose]();
  });

  // Every block begins with a full forward, so these have no other.
  const oneStepBlocks = [
    { blockLength: 1 },
    { blockLength: 4, steps: 3 },
    { blockLength: 6, threshold: 0 },
    { blockLength: 1, cfgScale: 0.8 },
  ];

  it.each(oneStepBlocks)('that is refreshed in every step does nothing: %j', async (options) => {
    for (const subject of [model, shifted]) {
      for (const sampling of [{}, { temperature: 1, seed: 3 }]) {
        const plain = await stepsOf(subject, options, sampling);
        for (const cache of ['prefix', 'dual']) {
          const cached = await stepsOf(subject, { ...options, cache }, sampling);
          expect(trajectory(cached)).toEqual(trajectory(plain));
        }
      }
    }
  });

  it('is exact in the first step of a whole canvas, and not in the next', async () => {
    for (const subject of [model, shifted]) {
      const plain = await stepsOf(subject, { blockLength: 0 });
      const cached = await stepsOf(subject, { blockLength: 0, cache: 'dual' });
      expect(trajectory(cached)[0]).toEqual(trajectory(plain)[0]);
      const probability = ([{ probability }]: Step['committed']) => probability;
      expect(probability(cached[0].committed)).toBeCloseTo(probability(plain[0].committed), 6);
      expect(probability(cached[1].committed)).not.toBeCloseTo(probability(plain[1].committed), 6);
    }
  });

  it('changes nothing in a model of one layer', async () => {
    await using single = await load('llama', precision, { num_hidden_layers: 1 });
    for (const options of [
      { blockLength: 4 },
      { blockLength: 6, steps: 4, cfgScale: 1 },
      { blockLength: 0 },
    ]) {
      const plain = await stepsOf(single, options);
      for (const cache of ['prefix', 'dual']) {
        const cached = await stepsOf(single, { ...options, cache });
        expect(trajectory(cached)).toEqual(trajectory(plain));
        const probabilities = (steps: Step[]) =>
          steps.flatMap(({ committed }) => committed.map(({ probability }) => probability));
        if (precision === 'w8a8') expect(probabilities(cached)).toEqual(probabilities(plain));
      }
    }
  });

  it('gives drafts the same kept rows: freedave writes what diffusion writes', async () => {
    for (const cache of ['prefix', 'dual']) {
      const options = { blockLength: 6, cache };
      const plain = await stepsOf(model, options);
      const drafted = await stepsOf(model, { ...options, draftSteps: 4 }, { method: freedave });
      expect(trajectory(drafted).flat()).toEqual(trajectory(plain).flat());
    }
  });

  it('gives in a batch what single prompts give, whatever the lengths', async () => {
    const prompts = [[7], [20, 40, 60], range(30).map((i) => i + 4)].map((tokens) => ({ tokens }));
    for (const cache of ['prefix', 'dual']) {
      const methodOptions = { blockLength: 4, threshold: 0.02, cfgScale: 0.5, cache };
      const options = { method: diffusion, maxTokens: 12, temperature: 0.9, seed: 2, methodOptions };
      const together = await generateBatch(model, prompts, options).result;
      for (const [i, each] of prompts.entries()) {
        const alone = await generate(model, each, options).result;
        expect(together[i].tokens).toEqual(alone.tokens);
        const { forwards, rows, kvRead, kvWritten } = alone.statistics;
        expect(together[i].statistics).toMatchObject({ forwards, rows, kvRead, kvWritten });
      }
    }
  });
});
