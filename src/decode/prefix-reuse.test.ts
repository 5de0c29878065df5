/** Prompts that begin like others are read from where they differ, and the answers stay those of single runs. */

import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { PrefixStore } from '../cache/index.ts';
import { load } from '../models/load.ts';
import { greedy } from './baseline/greedy.ts';
import { ContinuousBatch } from './continuous.ts';
import { type GenerateOptions, generate, type Result } from './generate.ts';
import { RunningSet } from './loop.ts';
import { cachedContextModel } from './testing/cached-context.ts';
import { decodeTokens, newRun } from './testing/decode-tokens.ts';
import { markovModel } from './testing/markov.ts';
import { loadStories, prompts } from './testing/models.ts';

const model = await loadStories('w8a8');
const house = await load('house-causal');
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await house[Symbol.asyncDispose]();
});

/** Rows of an answer without drafts: the prompt as far as it was read, and each token but the last. */
const rowsOf = ({ promptTokens, tokens, statistics }: Result) =>
  promptTokens - statistics.kvReused + tokens.length - 1;

const methods: GenerateOptions[] = [
  {},
  { method: 'prompt-lookup' },
  { method: 'beam-search' },
  { temperature: 0.9, seed: 4 },
  { regex: '[a-z ,.]{4,12}' },
  { method: 'superposed-decoding' },
];

describe('a prompt that begins like one before', () => {
  it('is read behind the last turn of a conversation', async () => {
    const batch = new ContinuousBatch(model);
    let tokens = model.tokenizer.encode(prompts[0]);
    for (let turn = 0; turn < 4; turn++) {
      const options = { maxTokens: 12, ignoreEos: true };
      const result = await batch.generate({ tokens }, options).result;
      const { tokens: answer, statistics } = result;
      expect(answer).toEqual((await generate(model, { tokens }, options).result).tokens);
      expect(statistics.rows).toBe(rowsOf(result));
      // All but the last token of the answer, which was never fed, and the question behind it.
      expect(statistics.kvReused).toBe(turn === 0 ? 0 : tokens.length - 1 - 5);
      tokens = [...tokens, ...answer, ...model.tokenizer.encode(prompts[1]).slice(1, 6)];
    }
    expect([batch.running, batch.slots]).toEqual([0, 0]);
  });

  it('is answered as alone, whatever the methods', async () => {
    for (const maxRunning of [1, 3]) {
      const batch = new ContinuousBatch(model, { maxRunning });
      const asked = methods.flatMap((options) =>
        [prompts[2], `${prompts[2]} and`].map((prompt) => [prompt, { ...options, maxTokens: 12 }] as const),
      );
      const answers = await Promise.all(
        asked.map(([prompt, options]) => batch.generate(prompt, options).result),
      );
      for (const [i, [prompt, options]] of asked.entries()) {
        expect(answers[i].tokens).toEqual((await generate(model, prompt, options).result).tokens);
      }
      expect(answers.some(({ statistics }) => statistics.kvReused > 0)).toBe(true);
      expect(batch.slots).toBe(0);
    }
  });

  it('is read by heads that want to see all of it', async () => {
    const batch = new ContinuousBatch(house);
    const question = [{ role: 'user', content: 'Sort: 5 3 9 1' }];
    const plain = await batch.generate(question, {}).result;
    const drafted = await batch.generate(question, {
      method: 'medusa',
      methodOptions: { heads: 'house-medusa' },
    }).result;
    const again = await batch.generate(question, {}).result;
    expect([drafted.tokens, again.tokens]).toEqual([plain.tokens, plain.tokens]);
    expect([drafted, again].map(({ statistics }) => statistics.kvReused > 0)).toEqual([false, true]);
  });

  it('shares what one beside it has read', async () => {
    const batch = new ContinuousBatch(model, { prefixBytes: 0 });
    const first = batch.generate(prompts[2], { maxTokens: 40, ignoreEos: true });
    for await (const step of first) {
      if (step.step !== 2) continue;
      const beside = await batch.generate(prompts[2], { maxTokens: 3, ignoreEos: true }).result;
      expect(beside.statistics.kvReused).toBe(beside.promptTokens - 1);
      break;
    }
    expect(batch.keptTokens).toBe(0);
  });

  it('waits while one that came together with it is read', async () => {
    const batch = new ContinuousBatch(model);
    const asked = [' a', ' the', ' she', ' he'].map((end) => `${prompts[2]}${end}`);
    const answers = await Promise.all(asked.map((prompt) => batch.generate(prompt, { maxTokens: 5 }).result));
    const [first, ...others] = answers.map(({ statistics }) => statistics.kvReused);
    expect(first).toBe(0);
    for (const reused of others) expect(reused).toBeGreaterThanOrEqual(answers[0].promptTokens - 3);
    for (const [i, prompt] of asked.entries()) {
      expect(answers[i].tokens).toEqual((await generate(model, prompt, { maxTokens: 5 }).result).tokens);
    }
  });

  it('is there when a request was left in the middle', async () => {
    const batch = new ContinuousBatch(model);
    for await (const step of batch.generate(prompts[2], { maxTokens: 40 })) if (step.step === 3) break;
    const { statistics, promptTokens } = await batch.generate(prompts[2], { maxTokens: 3 }).result;
    expect(statistics.kvReused).toBe(promptTokens - 1);
  });

  it('costs nothing but the saving when there is no room for it', async () => {
    const batch = new ContinuousBatch(model, { prefixBytes: 0 });
    for (let turn = 0; turn < 2; turn++) {
      const { statistics } = await batch.generate(prompts[2], { maxTokens: 3 }).result;
      expect(statistics.kvReused).toBe(0);
    }
  });
});

describe('prompts that come and go', () => {
  const vocabulary = 4;
  const logitsOf = markovModel(1, vocabulary);
  const requests = fc.array(
    fc.record({ prompt: fc.array(fc.nat(1), { minLength: 1, maxLength: 40 }), wait: fc.nat(5) }),
    { minLength: 1, maxLength: 12 },
  );

  it('are all answered as alone, within the budget', async () => {
    await fc.assert(
      fc.asyncProperty(requests, fc.integer({ min: 0, max: 90 }), async (all, kept) => {
        const scorer = cachedContextModel(logitsOf);
        const shape = scorer.batch.store.shape;
        const bytes = shape.layers * shape.kvHeads * (shape.headDim + shape.valueDim) * 4;
        const prefixes = new PrefixStore(shape, kept * bytes);
        const set = new RunningSet(scorer, scorer.batch, { budget: 16, takeTurns: true, prefixes });
        const step = async () => {
          for await (const _ of set.step());
        };
        const runs = [];
        for (const [request, { prompt, wait }] of all.entries()) {
          for (let turn = 0; turn < wait && set.size > 0; turn++) await step();
          const run = newRun(scorer.batch.open(), { prompt, maxTokens: 4, request });
          runs.push(run);
          set.add({ run, phases: {} });
        }
        while (set.size > 0) await step();
        expect(scorer.batch.used).toBe(0);
        for (const { prompt, generated } of runs) {
          const alone = await decodeTokens(greedy, logitsOf, { prompt, maxTokens: 4 });
          expect(generated).toEqual(alone.run.generated);
        }
      }),
      { numRuns: 100 },
    );
  });
});
