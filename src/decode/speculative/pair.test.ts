/** Which models draft for which: what is refused, and the house pair on problems of every task it learned. */

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { evaluationPrompt } from '../../tasks/evaluate.ts';
import { findTask, tasks, testProblems } from '../../tasks/index.ts';
import { houseShares } from '../../train/recipes/mixture.ts';
import { generate, generateBatch, promptTokens } from '../generate.ts';
import { chiSquareTest } from '../sampling/chi-square.ts';
import { countsOf, exactBeginnings, skewed } from '../testing/exact-beginnings.ts';

const house = (name: string) =>
  load(fileURLToPath(new URL(`../../../models/${name}`, import.meta.url)), { threads: 1 });

let target: LanguageModel;
let draft: LanguageModel;
beforeAll(async () => {
  target = await house('house-causal');
  draft = await house('house-draft');
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await draft[Symbol.asyncDispose]();
});

describe('house-draft for house-causal', () => {
  const prompts = () =>
    Object.keys(houseShares).flatMap((slug) =>
      [1, 2].flatMap((level) => {
        const set = testProblems(findTask(slug), { seed: 11, level });
        return [evaluationPrompt(target, [], set.at(0)), evaluationPrompt(target, [], set.at(1))];
      }),
    );

  it.each([{ temperature: 0 }, { temperature: 1, seed: 4 }])(
    'writes the tokens of house-causal alone in less than half its forwards, at %o',
    async (sampling) => {
      const options = { ...sampling, maxTokens: 64 };
      const plain = await generateBatch(target, prompts(), options).result;
      const methodOptions = { length: 'fixed' };
      const method = 'draft-alignment';
      const drafted = await generateBatch(target, prompts(), { ...options, method, methodOptions, draft })
        .result;
      expect(drafted.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
      const forwards = (results: typeof plain) => results.reduce((sum, result) => sum + result.forwards, 0);
      expect(forwards(drafted)).toBeLessThan(forwards(plain) / 2);
    },
  );

  it('resampled, writes beginnings as probable as house-causal finds them', async () => {
    // At temperature 2 it is not sure of any token.
    const sampling = { temperature: 2, topK: 4 };
    const text = evaluationPrompt(target, [], testProblems(tasks.get('countdown')!, { seed: 11 }).at(0));
    const prompt = promptTokens(target, text);
    const exact = await exactBeginnings(target, prompt, sampling);
    const methodOptions = { accept: 'resample', draftTokens: 2, length: 'fixed' };
    const options = { ...sampling, method: 'draft-alignment', methodOptions, draft };
    const answers: (readonly number[])[] = [];
    let accepted = 0;
    for (let seed = 0; seed < 300; seed++) {
      const limits = { seed, maxTokens: 3, ignoreEos: true };
      const result = await generate(target, { tokens: prompt }, { ...options, ...limits }).result;
      answers.push(result.tokens);
      accepted += result.statistics.accepted;
    }
    const { counts, probabilities } = countsOf(exact, answers);
    expect(chiSquareTest(counts, probabilities).p).toBeGreaterThan(0.001);
    expect(accepted).toBeGreaterThan(100);
    expect(chiSquareTest(counts, skewed(probabilities)).p).toBeLessThan(0.001);
  });
});

describe('pairs', () => {
  const refused = (model: LanguageModel, options: object, code: string, message: RegExp) =>
    expect(() => generate(model, 'x', options)).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/./),
      }),
    );

  it('need one tokenizer', async () => {
    await using stories = await house('stories260k');
    const method = 'draft-alignment';
    refused(
      target,
      { method, draft: stories },
      'unsupported',
      /stories260k has another tokenizer .* token 0/,
    );
    refused(stories, { method, draft: target }, 'unsupported', /another tokenizer/);
  });

  it('need a draft model that writes from left to right', async () => {
    await using canvas = await house('house-diffusion');
    refused(target, { method: 'draft-alignment', draft: canvas }, 'unsupported', /not causal/);
  });

  it('need a draft model where the method drafts with one, and none elsewhere', () => {
    refused(target, { method: 'draft-alignment' }, 'bad-option', /needs a draft model/);
    refused(target, { method: 'greedy', draft }, 'bad-option', /takes no draft model/);
  });
});
