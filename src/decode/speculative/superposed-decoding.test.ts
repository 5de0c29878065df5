/** Superposed Decoding against a plain implementation of its equations, and what must hold exactly. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { buildNgrams, NgramStore } from '../../ngrams/index.ts';
import { type GenerateOptions, generate, promptTokens } from '../generate.ts';
import { loadStories } from '../testing/models.ts';
import { type Draft, interpolate, superposed } from './superposed-decoding.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-superposed-'));
afterAll(() => rm(root, { recursive: true }));
const store = join(root, 'stories.bin');

const prompts = ['Once upon a time', 'Lily and Ben went to the park. They', 'The dog was', 'One day, a big'];
let model: LanguageModel;
/** Stories of the model itself. */
let texts: string[];
beforeAll(async () => {
  model = await loadStories('w8a8');
  texts = [];
  for (let seed = 0; seed < 6; seed++) {
    const options = { temperature: 0.8, seed, maxTokens: 200 };
    texts.push((await generate(model, prompts[seed % 4], options).result).text);
  }
  await buildNgrams(store, model.tokenizer, texts, { order: 6 });
});
afterAll(() => model[Symbol.asyncDispose]());

const drafting = (methodOptions: object, more: GenerateOptions = {}): GenerateOptions => ({
  method: 'superposed-decoding',
  methodOptions: { ...methodOptions },
  maxTokens: 12,
  ignoreEos: true,
  ...more,
});

/** The algorithm as it is written down, without a cache and counting by hand. */
async function plain(
  prompt: readonly number[],
  { k, m, T, alpha, steps }: { k: number; m: number; T: number; alpha: number; steps: number },
) {
  const weights = [0.01, 0.04, 0.15, 0.18, 0.12];
  const corpus = texts.map((text) => model.tokenizer.encode(text, { addSpecialTokens: false }));
  const count = (gram: readonly number[]) =>
    corpus.reduce(
      (sum, ids) => sum + ids.filter((_, i) => gram.every((token, j) => ids[i + j] === token)).length,
      0,
    );
  let drafts = [{ tokens: [] as number[], score: 0 }];
  const rows: (number | [number, number][])[] = [...prompt];
  for (let step = 0; step < steps; step++) {
    const cache = model.newCache();
    const group = { sequence: cache.slots.createSequence(), tokens: rows, scored: [rows.length - 1] };
    const logits = (await model.forward(cache, [group], { logits: true })).scores[0].logits(0);
    const best = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b).slice(0, m);
    const masses = best.map((token) => Math.exp((logits[token] - logits[best[0]]) / T));
    const mass = masses.reduce((a, b) => a + b);
    const all = drafts.flatMap(({ tokens, score }) => {
      const text = [...prompt, ...tokens];
      const shares = best.map((token) =>
        weights.reduce((sum, weight, i) => {
          const context = text.slice(-(i + 1));
          const total = context.length > i ? count(context) : 0;
          return total === 0 ? sum : sum + (weight * count([...context, token])) / total;
        }, 0),
      );
      return best.map((token, i) => {
        const own = (1 - alpha) * Math.log(masses[i] / mass);
        const other = alpha === 0 ? 0 : shares[i] > 0 ? alpha * Math.log(shares[i]) : -200;
        return { tokens: [...tokens, token], score: score + own + other };
      });
    });
    drafts = all.sort((a, b) => b.score - a.score).slice(0, k);
    const scale = drafts.reduce((sum, { score }) => sum + Math.exp(score - drafts[0].score), 0);
    rows.push(drafts.map(({ tokens, score }) => [tokens[step], Math.exp(score - drafts[0].score) / scale]));
  }
  return drafts;
}

describe('drafts', () => {
  it.each([
    { k: 3, m: 9, T: 0.3, alpha: 0.54 },
    { k: 4, m: 5, T: 1, alpha: 0.2 },
    { k: 3, m: 9, T: 1, alpha: 0 },
  ])('are those of the equations, with %o', async ({ k, m, T, alpha }) => {
    for (const prompt of prompts.slice(0, 2)) {
      const tokens = promptTokens(model, prompt);
      const expected = await plain(tokens, { k, m, T, alpha, steps: 8 });
      const own = {
        drafts: k,
        candidates: m,
        sharpness: T,
        ...(alpha > 0 && { ngrams: store, ngramShare: alpha }),
      };
      const { answers } = await generate(model, prompt, drafting(own, { maxTokens: 8 })).result;
      expect(answers!.map((answer) => answer.tokens)).toEqual(expected.map((draft) => draft.tokens));
      for (const [i, { score }] of answers!.entries()) expect(score).toBeCloseTo(expected[i].score, 3);
    }
  });

  it('one, without n-grams, is greedy decoding, token for token', async () => {
    for (const prompt of prompts)
      for (const options of [{ maxTokens: 60 }, { maxTokens: 12, logitBias: { 426: -2 } }]) {
        const greedy = await generate(model, prompt, options).result;
        const one = await generate(model, prompt, {
          ...drafting({ drafts: 1 }),
          ignoreEos: false,
          ...options,
        }).result;
        expect({ tokens: one.tokens, finish: one.finish }).toEqual({
          tokens: greedy.tokens,
          finish: greedy.finish,
        });
      }
  });

  it('are different from each other, best first, and the first is the answer', async () => {
    for (const drafts of [2, 3, 8]) {
      const result = await generate(model, prompts[0], drafting({ drafts, ngrams: store })).result;
      const answers = result.answers!;
      expect(new Set(answers.map(({ tokens }) => tokens.join())).size).toBe(drafts);
      expect(answers.map(({ score }) => score)).toEqual(
        answers.map(({ score }) => score).sort((a, b) => b - a),
      );
      expect(answers[0]).toMatchObject({ tokens: result.tokens, text: result.text });
      for (const { text, tokens } of answers)
        expect(text).toBe(model.tokenizer.decode(tokens, { continues: true }));
    }
  });

  it('take one row a step, however many there are', async () => {
    const { length } = promptTokens(model, prompts[1]);
    for (const drafts of [1, 3, 8]) {
      const { statistics } = await generate(model, prompts[1], drafting({ drafts })).result;
      expect(statistics.rows).toBe(length + 11);
      expect(statistics.forwards).toBe(12);
    }
  });

  it('end at stop strings, and keep to biases', async () => {
    const free = await generate(model, prompts[0], drafting({ ngrams: store })).result;
    const [banned] = free.tokens;
    const result = await generate(
      model,
      prompts[0],
      drafting({ ngrams: store }, { logitBias: { [banned]: -100 } }),
    ).result;
    for (const { tokens } of result.answers!) expect(tokens).not.toContain(banned);
    const stopped = await generate(model, prompts[0], drafting({}, { stop: ['a'], maxTokens: 40 })).result;
    for (const { text } of stopped.answers!) expect(text).not.toContain('a');
  });
});

describe('the mixture', () => {
  const draft = fc.record({
    token: fc.integer({ min: 0, max: 5 }),
    score: fc.double({ min: -900, max: 0, noNaN: true }),
  });
  const draftsOf = (list: readonly { token: number; score: number }[]): Draft[] =>
    list.map(({ token, score }) => ({ choices: [{ token, logprob: -1 }], score }));

  it('has weights that sum to 1, one for each token, as softmax of the scores has it', () => {
    fc.assert(
      fc.property(fc.array(draft, { minLength: 1, maxLength: 8 }), (list) => {
        const mixture = superposed(draftsOf(list));
        expect(new Set(mixture.map(([token]) => token)).size).toBe(mixture.length);
        expect(mixture.reduce((sum, [, weight]) => sum + weight, 0)).toBeCloseTo(1, 12);
        const best = Math.max(...list.map(({ score }) => score));
        const total = list.reduce((sum, { score }) => sum + Math.exp(score - best), 0);
        for (const [token, weight] of mixture) {
          const own = list.filter((one) => one.token === token);
          expect(weight).toBeCloseTo(
            own.reduce((sum, { score }) => sum + Math.exp(score - best), 0) / total,
            12,
          );
        }
      }),
    );
  });

  it('of one draft is its token', () => {
    expect(superposed(draftsOf([{ token: 4, score: -77 }]))).toEqual([[4, 1]]);
  });
});

describe('interpolation', () => {
  it('puts what no text has behind all that some text has', () => {
    expect(interpolate([-1, -2], [0.5, 0], 0.5)).toEqual([-0.5 + 0.5 * Math.log(0.5), -201]);
    expect(interpolate([-1, -2], [0, 0], 0.5)).toEqual([-200.5, -201]);
  });
});

describe('stores', () => {
  it('are closed when the run ends, or is left', async () => {
    const closed = vi.spyOn(NgramStore.prototype, Symbol.asyncDispose);
    await generate(model, prompts[0], drafting({ ngrams: store })).result;
    expect(closed).toHaveBeenCalledTimes(1);
    for await (const _ of generate(model, prompts[0], drafting({ ngrams: store }))) break;
    expect(closed).toHaveBeenCalledTimes(2);
    closed.mockRestore();
  });

  it('must be there, and of the same tokenizer', async () => {
    const run = (ngrams: string, other = model) => generate(other, 'x', drafting({ ngrams })).result;
    await expect(run(join(root, 'none'))).rejects.toMatchObject({ code: 'not-found' });
    await using house = await load('house-draft', { threads: 1 });
    await expect(run(store, house)).rejects.toMatchObject({
      code: 'bad-option',
      message: /another tokenizer/,
    });
  });
});
