/** Requests that come and go get the answers of single runs, and one that fails or leaves disturbs no other. */

import { afterAll, describe, expect, it } from 'vitest';
import { load } from '../models/load.ts';
import { ContinuousBatch } from './continuous.ts';
import { type GenerateOptions, generate } from './generate.ts';
import { loadStories, prompts } from './testing/models.ts';

const model = await loadStories('w8a8');
const house = await load('house-diffusion');
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await house[Symbol.asyncDispose]();
});

/** Work that any run is disturbed by if it can be: other methods, lengths, prompts and ends. */
const work: [string, GenerateOptions][] = [
  [prompts[0], { maxTokens: 24 }],
  [prompts[1], { maxTokens: 9, method: 'prompt-lookup' }],
  [prompts[2], { maxTokens: 16, temperature: 0.8, seed: 3 }],
  [prompts[0], { maxTokens: 0 }],
  [prompts[2], { maxTokens: 12, regex: '[a-z ]{4,8}' }],
  [prompts[1], { maxTokens: 20, stop: [' the'] }],
];

describe('ContinuousBatch', () => {
  it('gives the answers of single runs, however many may run together', async () => {
    for (const maxRunning of [1, 2, 32]) {
      const batch = new ContinuousBatch(model, { maxRunning });
      const answers = work.map(async ([prompt, options], i) => {
        // Later ones join a batch that is running.
        for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setTimeout(resolve, 3));
        return batch.generate(prompt, options).result;
      });
      for (const [i, [prompt, options]] of work.entries()) {
        const alone = await generate(model, prompt, options).result;
        const { text, tokens, finish, forwards } = await answers[i];
        expect({ text, tokens, finish, forwards }).toEqual({
          text: alone.text,
          tokens: alone.tokens,
          finish: alone.finish,
          forwards: alone.forwards,
        });
      }
      expect([batch.running, batch.waiting, batch.slots]).toEqual([0, 0, 0]);
    }
  });

  it('shares forwards', async () => {
    const batch = new ContinuousBatch(model);
    let forwards = 0;
    const counted = Object.create(model, {
      forwardLanes: {
        value: (...args: Parameters<typeof model.forwardLanes>) => {
          forwards++;
          return model.forwardLanes(...args);
        },
      },
    }) as typeof model;
    const shared = new ContinuousBatch(counted);
    await Promise.all(
      [...Array(8)].map(() => shared.generate(prompts[0], { maxTokens: 20, ignoreEos: true }).result),
    );
    // Eight prompts are read together, then nineteen tokens each follow together.
    expect(forwards).toBe(1 + 19);
    expect(batch.running).toBe(0);
  });

  describe('choices of one prompt', () => {
    const seeds = [0, 1, 2, 3];
    const sampled = seeds.map((seed) => ({ maxTokens: 12, temperature: 0.9, seed }));
    const tokensOf = async (choices: GenerateOptions[], { maxRunning = 32, of = model } = {}) => {
      const batch = new ContinuousBatch(of, { maxRunning });
      const results = await Promise.all(
        batch.generateChoices(prompts[2], choices).map(({ result }) => result),
      );
      expect([batch.running, batch.waiting, batch.slots]).toEqual([0, 0, 0]);
      return results.map(({ tokens }) => tokens);
    };
    const alone = (choices: GenerateOptions[]) =>
      Promise.all(choices.map(async (options) => (await generate(model, prompts[2], options).result).tokens));

    it('read the prompt once', async () => {
      let rows = 0;
      const counted = Object.create(model, {
        forwardLanes: {
          value: (...args: Parameters<typeof model.forwardLanes>) => {
            for (const { groups } of args[0]) for (const { tokens } of groups) rows += tokens.length;
            return model.forwardLanes(...args);
          },
        },
      }) as typeof model;
      const choices = seeds.map((seed) => ({ maxTokens: 6, ignoreEos: true, temperature: 0.9, seed }));
      expect(await tokensOf(choices, { of: counted })).toEqual(await alone(choices));
      const prompt = model.tokenizer.encode(prompts[2]).length;
      expect(rows).toBe(prompt - 1 + choices.length * 6);
    });

    it('are those of single runs, with any method and however many run together', async () => {
      const mixed: GenerateOptions[] = [
        { maxTokens: 12, method: 'prompt-lookup' },
        { maxTokens: 1 },
        { maxTokens: 0 },
        { maxTokens: 12, regex: '[a-z ]{4,8}' },
        ...sampled,
      ];
      const wanted = await alone(mixed);
      for (const maxRunning of [1, 2, 32]) expect(await tokensOf(mixed, { maxRunning })).toEqual(wanted);
    });

    it('go on when the one that reads the prompt leaves', async () => {
      const batch = new ContinuousBatch(model);
      const leave = new AbortController();
      const [first, ...others] = batch.generateChoices(prompts[2], [
        { ...sampled[0], signal: leave.signal },
        ...sampled.slice(1),
      ]);
      first.result.catch(() => {});
      leave.abort(new Error('enough'));
      const tokens = await Promise.all(others.map(async ({ result }) => (await result).tokens));
      expect(tokens).toEqual(await alone(sampled.slice(1)));
      await expect(first.result).rejects.toThrow('enough');
      expect([batch.running, batch.waiting, batch.slots]).toEqual([0, 0, 0]);
    });

    it('fill canvases, which see their prompt anew, each by itself', async () => {
      const batch = new ContinuousBatch(house);
      const question = [{ role: 'user', content: 'Sort: 3 1 2' }];
      const options = { maxTokens: 16 };
      const [one, two] = batch.generateChoices(question, [options, options]);
      const { tokens } = await generate(house, question, options).result;
      expect([(await one.result).tokens, (await two.result).tokens]).toEqual([tokens, tokens]);
    });
  });

  it('fills canvases side by side', async () => {
    const batch = new ContinuousBatch(house);
    const ask = (content: string) => [{ role: 'user', content }];
    const questions = ['Sort: 3 1 2', 'Sort: 9 4 7 1'].map(ask);
    const answers = await Promise.all(questions.map((q) => batch.generate(q, { maxTokens: 16 }).result));
    for (const [i, question] of questions.entries()) {
      expect(answers[i].tokens).toEqual((await generate(house, question, { maxTokens: 16 }).result).tokens);
    }
  });

  it('ends a request whose signal aborts or whose reader leaves, at once, and frees its slots', async () => {
    const batch = new ContinuousBatch(model, { maxRunning: 2 });
    const long = { maxTokens: 200, ignoreEos: true };
    const reason = new Error('enough');
    const controller = new AbortController();
    const aborted = batch.generate(prompts[0], { ...long, signal: controller.signal });
    const left = batch.generate(prompts[1], long);
    const waiting = new AbortController();
    const waits = batch.generate(prompts[0], { ...long, signal: waiting.signal });
    const survivor = batch.generate(prompts[2], { maxTokens: 10 });
    const reading = (async () => {
      for await (const step of aborted) if (step.step === 4) controller.abort(reason);
    })();
    const ended = expect(reading).rejects.toBe(reason);
    for await (const step of left) if (step.step === 3) break;
    waiting.abort(reason);
    await ended;
    await expect(aborted.result).rejects.toBe(reason);
    await expect(waits.result).rejects.toBe(reason);
    await expect(left.result).rejects.toThrow('left before the end');
    expect((await survivor.result).tokens).toHaveLength(10);
    expect([batch.running, batch.waiting, batch.slots]).toEqual([0, 0, 0]);
  });

  it('keeps the failure of one request from the others', async () => {
    const batch = new ContinuousBatch(model);
    const good = batch.generate(prompts[0], { maxTokens: 20 });
    const bad = batch.generate(prompts[0], {
      maxTokens: 20,
      processors: [
        (_, { step }) => {
          if (step === 5) throw new Error('a processor of its own');
        },
      ],
    });
    const tooLong = batch.generate({ tokens: Array(600).fill(5) });
    // One that int32 would take for token 0 included.
    const strange = [999_999, 2 ** 40].map((token) => batch.generate({ tokens: [5, token] }));
    await expect(bad.result).rejects.toThrow('a processor of its own');
    await expect(tooLong.result).rejects.toThrow('The prompt has 600 tokens');
    for (const { result } of strange) await expect(result).rejects.toThrow('outside the vocabulary');
    expect((await good.result).tokens).toEqual(
      (await generate(model, prompts[0], { maxTokens: 20 }).result).tokens,
    );
    expect(() => batch.generate('a', { method: 'nothing' })).toThrow('nothing');
    expect(batch.slots).toBe(0);
  });

  it('closes: nothing is running any more, nothing is taken', async () => {
    const batch = new ContinuousBatch(model);
    const cut = batch.generate(prompts[0], { maxTokens: 200, ignoreEos: true });
    for await (const step of batch.generate(prompts[1], { maxTokens: 9 })) if (step.step === 2) break;
    await batch.close();
    await expect(cut.result).rejects.toMatchObject({ code: 'disposed' });
    expect([batch.running, batch.slots]).toEqual([0, 0]);
    expect(() => batch.generate(prompts[0])).toThrow('closed');
  });

  it('goes on after a forward that failed', async () => {
    let broken = true;
    const failing = Object.create(model, {
      forwardLanes: {
        value: (...args: Parameters<typeof model.forwardLanes>) =>
          broken ? Promise.reject(new Error('no memory')) : model.forwardLanes(...args),
      },
    }) as typeof model;
    const batch = new ContinuousBatch(failing);
    await expect(batch.generate(prompts[0]).result).rejects.toThrow('no memory');
    broken = false;
    expect((await batch.generate(prompts[0], { maxTokens: 4 }).result).tokens).toHaveLength(4);
  });
});
