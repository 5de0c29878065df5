/** Conformance: what is written, alone and in batches, and how steps tell it. */

import { expect } from 'vitest';
import { type GenerateOptions, generate, generateBatch, type Result } from '../generate.ts';
import { findMethod } from '../registry.ts';
import type { LogitsProcessor } from '../sampling/processors.ts';
import type { Step } from '../step.ts';
import { type ConformanceCase, caches, type Subject } from './conformance.ts';
import { prompts } from './models.ts';

const maxTokens = 32;

/** The baseline's run of the same options. */
function baseline({ method: { baseline: slug }, options, sampled }: Subject): GenerateOptions {
  const method = slug ? findMethod(slug) : findMethod(sampled ? 'sample' : 'greedy');
  const { draft: _, methodOptions = {}, ...rest } = options;
  const known = Object.entries(methodOptions).filter(([name]) => name in method.options.shape);
  return { ...rest, method, methodOptions: Object.fromEntries(known) };
}

const lossless: ConformanceCase['about'] = ({ method }) => method.guarantee === 'lossless';

async function sameAsBaseline(subject: Subject, extra: GenerateOptions): Promise<void> {
  for (const prompt of prompts) {
    const expected = await generate(subject.model, prompt, { ...baseline(subject), ...extra }).result;
    const result = await generate(subject.model, prompt, { ...subject.options, ...extra }).result;
    expect(result.tokens).toEqual(expected.tokens);
    expect(result.text).toBe(expected.text);
    expect(result.finish).toBe(expected.finish);
    for (const [i, { probability }] of result.committed.entries()) {
      expect(probability).toBeCloseTo(expected.committed[i].probability, 4);
    }
  }
}

/** What must not depend on the company a request is in. */
const answer = ({ tokens, text, finish, promptTokens, statistics }: Result) => {
  const { committed, drafted, accepted, rows, kvWritten } = statistics;
  return { tokens, text, finish, promptTokens, committed, drafted, accepted, rows, kvWritten };
};

async function batchEqualsSingles(subject: Subject, extra: GenerateOptions): Promise<Result[]> {
  const options = { ...subject.options, ...extra };
  const singles: Result[] = [];
  for (const prompt of prompts) singles.push(await generate(subject.model, prompt, options).result);
  const batch = await generateBatch(subject.model, prompts, options).result;
  expect(batch.map(answer)).toEqual(singles.map(answer));
  return batch;
}

/** Ends each answer early, the sooner the shorter its prompt. */
const endEarly =
  (eos: number): LogitsProcessor =>
  (logits, { promptTokens, generatedTokens }) => {
    if (generatedTokens.length >= promptTokens.length % 7) logits[eos] += 40;
  };

async function collect(subject: Subject, prompt: string, extra: GenerateOptions = {}) {
  const generation = generate(subject.model, prompt, { ...subject.options, maxTokens, ...extra });
  const steps: Step[] = [];
  for await (const step of generation) steps.push(step);
  return { steps, result: await generation.result };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** What holds between a draft and what was committed in its step. */
function checkDraft({ proposed, committed }: Step): void {
  const accepted = proposed.filter((draft) => draft.accepted);
  expect(accepted.map(({ token }) => token)).toEqual(
    committed.slice(0, accepted.length).map(({ token }) => token),
  );
  for (const [index, { parent, accepted: right }] of proposed.entries()) {
    expect(parent).toBeGreaterThanOrEqual(-1);
    expect(parent).toBeLessThan(index);
    if (right && parent >= 0) expect(proposed[parent].accepted).toBe(true);
  }
}

export const outputCases: readonly ConformanceCase[] = [
  {
    name: 'writes what its baseline writes',
    about: lossless,
    run: (subject) => sameAsBaseline(subject, { maxTokens: 64 }),
  },
  {
    name: 'writes what its baseline writes under penalties, biases and processors',
    about: lossless,
    run: (subject) =>
      sameAsBaseline(subject, {
        maxTokens,
        repetitionPenalty: 1.2,
        frequencyPenalty: 0.3,
        logitBias: { 426: -2 },
        logprobs: 3,
        processors: [endEarly(subject.model.eosIds[0])],
      }),
  },
  {
    name: 'answers a batch of unequal lengths as it answers single prompts',
    run: async (subject) => {
      await batchEqualsSingles(subject, { maxTokens });
    },
  },
  {
    name: 'answers a batch whose answers end at different times as it answers single prompts',
    run: async (subject) => {
      const processors = [endEarly(subject.model.eosIds[0])];
      const results = await batchEqualsSingles(subject, { maxTokens, processors });
      expect(new Set(results.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(1);
    },
  },
  {
    name: 'answers one prompt of a batch twice as it answers it once',
    run: async ({ model, options }) => {
      const pair = await generateBatch(model, [prompts[1], prompts[1]], { ...options, maxTokens }).result;
      expect(answer(pair[0])).toEqual(answer(pair[1]));
    },
  },
  {
    name: 'answers an empty batch with nothing',
    run: async ({ model, options }) => {
      expect(await generateBatch(model, [], options).result).toEqual([]);
    },
  },
  {
    name: 'gives the same output for the same seed',
    run: async ({ model, options }) => {
      const first = await generate(model, prompts[0], { ...options, maxTokens }).result;
      const second = await generate(model, prompts[0], { ...options, maxTokens }).result;
      expect(answer(second)).toEqual(answer(first));
    },
  },
  {
    name: 'gives another output for another seed',
    about: ({ sampled }) => sampled,
    run: async ({ model, options }) => {
      const first = await generate(model, prompts[0], { ...options, maxTokens, seed: 1 }).result;
      const other = await generate(model, prompts[0], { ...options, maxTokens, seed: 2 }).result;
      expect(other.tokens).not.toEqual(first.tokens);
    },
  },
  {
    name: 'tells steps that add up to the result',
    run: async (subject) => {
      for (const prompt of prompts) {
        const { steps, result } = await collect(subject, prompt);
        const committed = steps.flatMap((step) => step.committed);
        expect(steps.map(({ step }) => step)).toEqual(steps.map((_, i) => i + 1));
        expect(steps.map(({ text }) => text).join('')).toBe(result.text);
        // A canvas also commits what stands behind the end of the answer.
        const answer = committed.toSorted((a, b) => a.position - b.position).slice(0, result.tokens.length);
        expect(answer).toEqual(result.committed);
        expect(answer.map(({ position }) => position)).toEqual(answer.map((_, i) => i));
        expect(new Set(committed.map(({ position }) => position)).size).toBe(committed.length);
        expect(answer.map(({ token }) => token)).toEqual(result.tokens);
        const { statistics } = result;
        expect(sum(steps.map(({ forwards }) => forwards))).toBe(statistics.forwards);
        expect(sum(steps.map(({ rows }) => rows))).toBe(statistics.rows);
        expect(sum(steps.map(({ proposed }) => proposed.length))).toBe(statistics.drafted);
        expect(sum(steps.map((step) => step.proposed.filter(({ accepted }) => accepted).length))).toBe(
          statistics.accepted,
        );
        expect(statistics.committed).toBe(result.tokens.length);
        expect(result.forwards).toBe(statistics.forwards);
        expect(steps.map(({ finish }) => finish)).toEqual([
          ...steps.slice(1).map(() => undefined),
          result.finish,
        ]);
      }
    },
  },
  {
    name: 'commits from left to right, up to the end of the answer',
    run: async (subject) => {
      const { steps, result } = await collect(subject, prompts[0]);
      expect(steps.flatMap((step) => step.committed)).toEqual(result.committed);
    },
  },
  {
    name: 'shows a canvas that holds what was committed, and nothing else',
    about: ({ method }) => method.family === 'masked-diffusion',
    run: async (subject) => {
      const { steps } = await collect(subject, prompts[1]);
      const seen = new Map<number, number>();
      for (const { committed, canvas } of steps) {
        for (const { position, token } of committed) seen.set(position, token);
        expect(canvas).toEqual(canvas!.map((_, position) => seen.get(position) ?? -1));
      }
    },
  },
  {
    name: 'tells steps that are sound one by one',
    run: async (subject) => {
      const { steps } = await collect(subject, prompts[1], { ignoreEos: true });
      for (const step of steps) {
        checkDraft(step);
        expect(step.request).toBe(0);
        expect(step.seconds).toBeGreaterThanOrEqual(0);
        expect(step.rows).toBeGreaterThanOrEqual(step.forwards);
        for (const { probability } of step.committed) {
          expect(probability).toBeGreaterThan(0);
          expect(probability).toBeLessThanOrEqual(1 + 1e-6);
        }
        if (!step.finish && caches(subject)) expect(step.slots).toBeGreaterThan(0);
      }
    },
  },
  {
    name: 'reports the most likely alternatives when asked',
    run: async (subject) => {
      const { result } = await collect(subject, prompts[0], { logprobs: 2 });
      for (const { token, probability, top } of result.committed) {
        expect(top).toHaveLength(2);
        expect(top![0].logprob).toBeGreaterThanOrEqual(top![1].logprob);
        const own = top!.find((entry) => entry.token === token);
        if (own) expect(Math.exp(own.logprob)).toBeCloseTo(probability, 6);
      }
    },
  },
];
