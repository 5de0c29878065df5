/**
 * The sampler against two others: PyTorch's trajectories (tools/golden_diffusion.py), and a plain reference written
 * here over whole logits, on tiny random checkpoints in fp32.
 */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../../../test/golden/models/golden.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { loadTiny, range } from '../../models/testing/tiny.ts';
import { type GenerateOptions, generate, generateBatch } from '../generate.ts';
import { fillGumbel, uniform } from '../random.ts';
import { chiSquareTest } from '../sampling/chi-square.ts';
import type { Step } from '../step.ts';
import { canvasLanguage, decodeCanvasTokens } from '../testing/canvas-model.ts';
import { diffusion } from './diffusion.ts';

const maskId = 3;

interface Golden {
  mask: number;
  cases: {
    model: string;
    prompt: number[];
    options: Record<string, unknown> & { genLength: number };
    /** Position, token, probability, confidence, in commit order. */
    steps: [number, number, number, number][][];
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL('./diffusion.golden.json', import.meta.url), 'utf8'),
) as Golden;

const load = (name: string, config: Record<string, unknown> = {}) =>
  loadTiny(fixture(name), {
    precision: 'fp32',
    threads: 1,
    config: { is_causal: false, mask_token_id: maskId, ...config },
  });

async function stepsOf(model: LanguageModel, prompt: number[], options: GenerateOptions): Promise<Step[]> {
  const steps: Step[] = [];
  for await (const step of generate(model, { tokens: prompt }, { method: diffusion, ...options }))
    steps.push(step);
  return steps;
}

describe('against PyTorch', () => {
  it.each(golden.cases)('$model $options', async ({ model: name, prompt, options, steps: expected }) => {
    expect(golden.mask).toBe(maskId);
    await using model = await load(name);
    const steps = await stepsOf(model, prompt, { maxTokens: options.genLength, methodOptions: options });
    expect(steps.map(({ committed }) => committed.map(({ position, token }) => [position, token]))).toEqual(
      expected.map((step) => step.map(([position, token]) => [position, token])),
    );
    for (const [index, { committed }] of steps.entries()) {
      for (const [i, { probability }] of committed.entries()) {
        expect(probability).toBeCloseTo(expected[index][i][2], 4);
      }
    }
  });
});

interface ReferenceOptions {
  genLength: number;
  blockLength: number;
  steps: number;
  order: 'low_confidence' | 'entropy' | 'margin' | 'random' | 'origin';
  cfgScale: number;
  temperature: number;
  seed: number;
}

/** What LLaDA's generate.py does, over whole logits: positions and tokens committed, step by step. */
async function reference(model: LanguageModel, prompt: readonly number[], o: ReferenceOptions) {
  const { vocabSize, shiftLogits } = model.config;
  const length = prompt.length + o.genLength;

  async function forward(text: readonly number[]): Promise<Float32Array[]> {
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    const group = { sequence, tokens: text, scored: range(length) };
    const { scores } = await model.forward(cache, [group], { logits: true, attention: 'bidirectional' });
    const rows = range(length).map((row) => scores[0].logits(row).slice());
    return shiftLogits ? range(length).map((row) => rows[Math.max(0, row - 1)]) : rows;
  }

  const softmax = (logits: Float32Array) => {
    const top = Math.max(...logits);
    const weights = Array.from(logits, (logit) => Math.exp(logit - top));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  };

  const text = [...prompt, ...range(o.genLength).map(() => maskId)];
  const open = new Set(range(o.genLength));
  const stepsPerBlock = o.steps / (o.genLength / o.blockLength);
  const trajectory: [number, number][][] = [];
  for (let start = 0; start < o.genLength; start += o.blockLength) {
    for (let j = 0; j < stepsPerBlock; j++) {
      const step = trajectory.length;
      let logits = await forward(text);
      if (o.cfgScale > 0) {
        const without = await forward(text.map((token, i) => (i < prompt.length ? maskId : token)));
        logits = logits.map((row, i) =>
          row.map((logit, id) => without[i][id] + (o.cfgScale + 1) * (logit - without[i][id])),
        );
      }
      const candidates = [...open]
        .filter((position) => position < start + o.blockLength)
        .map((position) => {
          const row = logits[prompt.length + position];
          const noise = new Float64Array(vocabSize);
          if (o.temperature > 0) fillGumbel({ seed: o.seed, stream: 0, step, position }, noise);
          const noisy = Array.from(row, (logit, id) => logit + o.temperature * noise[id]);
          const token = noisy.indexOf(Math.max(...noisy));
          const p = softmax(row);
          const sorted = p.toSorted((a, b) => b - a);
          const confidence = {
            low_confidence: () => p[token],
            entropy: () => p.reduce((sum, x) => sum + x * Math.log(x + 1e-10), 0),
            margin: () => sorted[0] - sorted[1],
            random: () => uniform({ seed: o.seed, stream: 4, step, position }),
            origin: () => uniform({ seed: o.seed, stream: 4, step, position }),
          }[o.order]();
          return { position, token, confidence };
        });
      let chosen: typeof candidates;
      if (o.order === 'origin') {
        const time = (i: number) => 1 - (i * (1 - 1e-3)) / stepsPerBlock;
        const last = j === stepsPerBlock - 1;
        chosen = candidates.filter(({ confidence }) => last || confidence >= time(j + 1) / time(j));
      } else {
        const share = Math.floor(o.blockLength / stepsPerBlock) + (j < o.blockLength % stepsPerBlock ? 1 : 0);
        chosen = candidates
          .toSorted((a, b) => b.confidence - a.confidence || a.position - b.position)
          .slice(0, share);
      }
      for (const { position, token } of chosen) {
        text[prompt.length + position] = token;
        open.delete(position);
      }
      trajectory.push(chosen.map(({ position, token }) => [position, token]));
    }
  }
  return trajectory;
}

describe('against a plain reference', () => {
  let model: LanguageModel;
  let shifted: LanguageModel;
  beforeAll(async () => {
    model = await load('llama');
    shifted = await load('llama', { shift_logits: true });
  });
  afterAll(async () => {
    await model[Symbol.asyncDispose]();
    await shifted[Symbol.asyncDispose]();
  });

  const base: ReferenceOptions = {
    genLength: 12,
    blockLength: 12,
    steps: 12,
    order: 'low_confidence',
    cfgScale: 0,
    temperature: 0,
    seed: 5,
  };
  const cases: Partial<ReferenceOptions>[] = [
    {},
    { blockLength: 4, steps: 6 },
    { blockLength: 6, steps: 8 },
    { steps: 5, order: 'entropy' },
    { steps: 5, order: 'margin' },
    { steps: 5, order: 'random' },
    { blockLength: 6, steps: 6, order: 'origin' },
    { cfgScale: 0.7, steps: 4 },
    { temperature: 0.7 },
    { temperature: 1, blockLength: 4, steps: 6, order: 'entropy' },
    { temperature: 0.5, cfgScale: 2, order: 'margin', steps: 6 },
    { temperature: 1.3, order: 'random', blockLength: 6, steps: 4 },
    { temperature: 1, order: 'origin' },
  ];

  it.each(cases)('%j', async (changed) => {
    const options = { ...base, ...changed };
    const { temperature, seed, ...methodOptions } = options;
    for (const subject of [model, shifted]) {
      for (const prompt of [[7], [20, 40, 60, 80, 100, 120, 140]]) {
        const expected = await reference(subject, prompt, options);
        const steps = await stepsOf(subject, prompt, { maxTokens: 12, temperature, seed, methodOptions });
        const committed = steps.map((step) => step.committed.map(({ position, token }) => [position, token]));
        expect(committed).toEqual(expected);
        expect(steps.every(({ forwards }) => forwards === 1)).toBe(true);
      }
    }
  });

  it('gives in a batch what single prompts give, whatever the lengths', async () => {
    const prompts = [[7], [20, 40, 60], range(30).map((i) => i + 4)].map((tokens) => ({ tokens }));
    const options = {
      method: diffusion,
      maxTokens: 12,
      temperature: 0.9,
      seed: 2,
      methodOptions: { cfgScale: 1 },
    };
    const together = await generateBatch(model, prompts, options).result;
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(model, prompt, options).result;
      expect(together[i].tokens).toEqual(alone.tokens);
      expect(together[i].statistics.rows).toBe(alone.statistics.rows);
    }
  });
});

describe('the distribution', () => {
  const vocabulary = 8;
  const draws = 4000;
  const language = canvasLanguage(3, vocabulary, 0, 1);
  const prompt = [1, 2];

  /** Counts of what `read` says of a run, over seeds. */
  async function count(
    cells: number,
    options: { sampling: object; genLength: number; methodOptions?: object },
    read: (steps: Step[]) => number,
  ): Promise<number[]> {
    const counts = new Array<number>(cells).fill(0);
    for (let seed = 0; seed < draws; seed++) {
      const { steps } = await decodeCanvasTokens(diffusion, language, {
        prompt,
        maxTokens: options.genLength,
        sampling: { ...options.sampling, seed },
        methodOptions: { ...options.methodOptions },
        maskId: 0,
      });
      counts[read(steps)]++;
    }
    return counts;
  }

  /** Probabilities of the only masked position. */
  function exact(temperature: number, topK = vocabulary): number[] {
    const logits = language([...prompt, 0], 2);
    const kept = [...logits].toSorted((a, b) => b - a)[topK - 1];
    const weights = Array.from(logits, (logit) => (logit >= kept ? Math.exp(logit / temperature) : 0));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  }

  const firstToken = ([{ committed }]: Step[]) => committed[0].token;
  const firstPosition = ([{ committed }]: Step[]) => committed[0].position;

  it.each([
    { temperature: 1, topK: 0 },
    { temperature: 0.6, topK: 0 },
    { temperature: 1, topK: 3 },
  ])('of one masked position is the softmax: %j', async (sampling) => {
    const counts = await count(vocabulary, { sampling, genLength: 1 }, firstToken);
    const { temperature, topK } = sampling;
    expect(chiSquareTest(counts, exact(temperature, topK || vocabulary)).p).toBeGreaterThan(0.001);
    expect(chiSquareTest(counts, exact(temperature * 1.6, topK || vocabulary)).p).toBeLessThan(1e-4);
  });

  it('of the first position in random order is uniform', async () => {
    const options = { sampling: {}, genLength: 6, methodOptions: { order: 'random' } };
    const counts = await count(6, options, firstPosition);
    expect(chiSquareTest(counts, new Array(6).fill(1 / 6)).p).toBeGreaterThan(0.001);
  });

  it('of the number in a first step of origin is binomial', async () => {
    const options = { sampling: {}, genLength: 4, methodOptions: { order: 'origin', steps: 2 } };
    const counts = await count(5, options, ([{ committed }]) => committed.length);
    const p = 0.999 / 2;
    const choose = [1, 4, 6, 4, 1];
    const expected = choose.map((ways, k) => ways * p ** k * (1 - p) ** (4 - k));
    expect(chiSquareTest(counts, expected).p).toBeGreaterThan(0.001);
  });
});
