/** Step-level speculation against writing step by step by hand, and its ends: all steps the model's, all the draft's. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { evaluationPrompt } from '../../tasks/evaluate.ts';
import { findTask, tasks, testProblems } from '../../tasks/index.ts';
import { type GenerateOptions, generate, generateBatch, promptTokens } from '../generate.ts';
import type { Method } from '../method.ts';
import { uniform } from '../random.ts';
import type { Step } from '../step.ts';
import { arbitrage, stepPhases } from './arbitrage.ts';
import { stepEnds } from './reasoning-step.ts';
import { probabilityOf, verdictTokens } from './step-judge.ts';

let target: LanguageModel;
let draft: LanguageModel;
let router: LanguageModel;
beforeAll(async () => {
  target = await load('house-causal', { threads: 1 });
  draft = await load('house-draft', { threads: 1 });
  router = await load('house-router', { threads: 1 });
});
afterAll(async () => {
  for (const model of [target, draft, router]) await model[Symbol.asyncDispose]();
});

const maxTokens = 96;
/** Hard ones among them, which the draft gets wrong. */
const prompts = (count: number) =>
  [3, 4].flatMap((level) => {
    const set = testProblems(findTask('word-problems'), { seed: 21, level });
    return Array.from({ length: count }, (_, i) => evaluationPrompt(target, [], set.at(i)));
  });
const routed = (methodOptions: object): GenerateOptions => ({
  ...{ method: 'arbitrage', draft, router, maxTokens },
  methodOptions: { ...methodOptions },
});

describe('the ends', () => {
  const others = () =>
    [...tasks.values()].map((task) => evaluationPrompt(target, [], testProblems(task, { seed: 5 }).at(0)));

  it.each([
    { route: 'advantage', threshold: 0 },
    { route: 'score', threshold: 1 },
  ])('rewrites all, and writes what the model alone writes, with %o', async (options) => {
    const all = [...prompts(4), ...others()];
    const plain = await generateBatch(target, all, { maxTokens }).result;
    const ours = await generateBatch(target, all, routed(options)).result;
    expect(ours.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
    for (const { statistics, tokens } of ours) expect(statistics.rewritten).toBe(tokens.length);
    // It verifies drafted steps, rather than writing them token by token.
    const forwards = ours.reduce((sum, { statistics }) => sum + statistics.forwards, 0);
    const written = plain.reduce((sum, { tokens }) => sum + tokens.length, 0);
    expect(forwards).toBeLessThan(written / 2);
  });

  it('draws what the model alone draws where it rewrites all', async () => {
    const sampling = { maxTokens, temperature: 1.2, topK: 8, seed: 3 };
    const plain = await generateBatch(target, prompts(4), { ...sampling, method: 'sample' }).result;
    const ours = await generateBatch(target, prompts(4), { ...routed({ threshold: 0 }), ...sampling }).result;
    expect(ours.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
  });

  it.each([
    { route: 'advantage', threshold: 1 },
    { route: 'score', threshold: 0 },
  ])('rewrites nothing, and never runs the model, with %o', async (options) => {
    const all = [...prompts(4), ...others()];
    const plain = await generateBatch(draft, all, { maxTokens }).result;
    const ours = await generateBatch(target, all, routed(options)).result;
    expect(ours.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
    for (const { forwards, statistics } of ours) expect([forwards, statistics.rows]).toEqual([0, 0]);
  });
});

describe('in between', () => {
  /** Rewrites a random half of the steps. */
  const coin = (length: number) => uniform({ seed: 8, stream: 320, step: 0, position: length }) < 0.5;
  const byCoin: Method = {
    ...(arbitrage as unknown as Method),
    slug: 'by-coin',
    router: false,
    phases: (_, run) => stepPhases(run, 64, async ({ length }) => coin(length)),
  };

  /** The next step of a text, by a model that reads it all anew. */
  async function stepBy(model: LanguageModel, text: readonly number[]): Promise<number[]> {
    const { tokens } = await generate(model, { tokens: text }, { maxTokens: 64 }).result;
    const ends = stepEnds(model.tokenizer, model.eosIds);
    const end = tokens.findIndex((token) => ends(token));
    return end === -1 ? tokens : tokens.slice(0, end + 1);
  }

  it('writes what writing step by step gives', async () => {
    for (const prompt of prompts(3)) {
      const start = promptTokens(target, prompt);
      const text = [...start];
      let written = 0;
      while (!target.eosIds.includes(text[text.length - 1])) {
        const rewrites = coin(text.length);
        const step = await stepBy(rewrites ? target : draft, text);
        if (rewrites) written += step.length;
        text.push(...step);
      }
      const { tokens, statistics } = await generate(target, prompt, { method: byCoin, draft, maxTokens })
        .result;
      expect(tokens).toEqual(text.slice(start.length));
      expect(statistics.rewritten).toBe(written);
      expect(statistics.forwards).toBeLessThan(written);
      // Every token but the last is read once at most, accepted steps when the model writes, beside drafts that it refuses.
      expect(statistics.rows - (statistics.drafted - statistics.accepted)).toBeLessThan(text.length);
    }
  });

  it('tells accepted and rewritten steps apart', async () => {
    const steps: Step[] = [];
    for await (const step of generate(target, prompts(1)[1], routed({ threshold: 0.3 }))) steps.push(step);
    const accepted = steps.filter(({ forwards }) => forwards === 0);
    for (const { proposed, committed } of accepted) {
      expect(proposed.every((token) => token.accepted)).toBe(true);
      expect(committed.map(({ token }) => token)).toEqual(proposed.map(({ token }) => token));
    }
    const ends = stepEnds(target.tokenizer, target.eosIds);
    const rewritten = steps.filter(({ forwards }) => forwards > 0);
    for (const { forwards, committed, proposed } of rewritten) {
      expect(forwards).toBe(1);
      const kept = proposed.filter((token) => token.accepted);
      expect(committed.slice(0, -1).map(({ token }) => token)).toEqual(kept.map(({ token }) => token));
      // No forward goes on behind the end of a step, which is to be drafted and judged first.
      expect(committed.slice(0, -1).some(({ token }) => ends(token))).toBe(false);
    }
    expect(Math.min(accepted.length, rewritten.length)).toBeGreaterThan(0);
  });

  it('rewrites more, and is right more often, the lower the threshold', async () => {
    const written: number[] = [];
    for (const threshold of [0.9, 0.5, 0.1]) {
      const results = await generateBatch(target, prompts(10), routed({ threshold })).result;
      written.push(results.reduce((sum, { statistics }) => sum + (statistics.rewritten ?? 0), 0));
    }
    expect(written).toEqual(written.toSorted((a, b) => a - b));
    expect(written[0]).toBeLessThan(written[2] / 2);
  });

  it.each([0, 1])('cuts a step that never ends, with threshold %d', async (threshold) => {
    const options = { ...routed({ threshold, stepTokens: 3 }), maxTokens: 10 };
    const lengths: number[] = [];
    for await (const { committed } of generate(target, prompts(1)[0], options))
      lengths.push(committed.length);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(10);
    expect(Math.max(...lengths)).toBe(3);
  });
});

describe('verdicts', () => {
  it('are the probabilities of two signs against each other', () => {
    const [yes, no] = verdictTokens(target.tokenizer, 'advantage');
    expect([yes, no].map((token) => target.tokenizer.decode([token]))).toEqual(['+', '-']);
    const logits = new Float32Array(target.config.vocabSize);
    [logits[yes], logits[no]] = [1.5, 0.5];
    const scores = { topToken: () => 0, topLogProb: () => 0, logits: () => logits };
    expect(probabilityOf(scores, [yes, no])).toBeCloseTo(Math.E / (1 + Math.E), 6);
  });
});

describe('what it needs', () => {
  const refused = (options: GenerateOptions, message: RegExp) =>
    expect(() => generate(target, 'x', options)).toThrow(
      expect.objectContaining({ code: 'bad-option', message: expect.stringMatching(message) }),
    );

  it('is a draft model and a router, which no other method takes', () => {
    refused({ method: 'arbitrage', draft }, /needs a router/);
    refused({ method: 'arbitrage', router }, /needs a draft model/);
    refused({ method: 'draft-alignment', draft, router }, /takes no router/);
  });
});
