/** Which models draft for which: what is refused, and the house pair on problems of every task. */

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { evaluationPrompt } from '../../tasks/evaluate.ts';
import { tasks, testProblems } from '../../tasks/index.ts';
import { generate, generateBatch } from '../generate.ts';

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
    [...tasks.values()].flatMap((task) =>
      [1, 2].flatMap((level) => {
        const set = testProblems(task, { seed: 11, level });
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
