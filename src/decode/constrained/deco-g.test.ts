/** Deco-G with the model that ships: formats that it was not trained on. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { generate } from '../generate.ts';
import { savedHmm } from '../testing/hmms.ts';
import { templateLanguage } from './template.ts';

let model: LanguageModel;
beforeAll(async () => {
  model = await load('house-causal');
});
afterAll(() => model[Symbol.asyncDispose]());

const prompt = [{ role: 'user', content: 'Raj buys 7 pens for 7 coins each. How many coins does he pay?' }];
const constraint = templateLanguage('[text]\n#### [integer].');
const answer = (options: Record<string, unknown>) =>
  generate(model, prompt, { constraint, maxTokens: 40, ...options }).result;

it('solves the task, and ends as the format says', async () => {
  const { text, finish } = await answer({ method: 'deco-g' });
  expect(text).toBe('7*7=49\n#### 49.');
  expect(finish).toBe('eos');
});

it('keeps to the format at any temperature, and within the limit', async () => {
  for (const [seed, maxTokens] of [9, 12, 30].entries()) {
    const { text, finish, tokens } = await answer({ method: 'deco-g', temperature: 1.5, seed, maxTokens });
    expect(text).toMatch(/\n#### -?\d+\.$/);
    expect(finish).toBe('eos');
    expect(tokens.length).toBeLessThanOrEqual(maxTokens);
  }
});

it('is plain decoding without a constraint', async () => {
  const [led, plain] = await Promise.all([
    answer({ method: 'deco-g', constraint: undefined }),
    answer({ constraint: undefined }),
  ]);
  expect(led.tokens).toEqual(plain.tokens);
});

it.each([
  ['a limit that no answer fits in', { maxTokens: 3 }, 'bad-option'],
  ['a model of other tokens', { methodOptions: { hmm: await savedHmm(512) } }, 'unsupported'],
  ['a model that is not there', { methodOptions: { hmm: 'none' } }, 'not-found'],
  [
    'formats without an end of states',
    { constraint: undefined, grammar: 'root ::= "(" root ")" | "x"' },
    'unsupported',
  ],
])('refuses %s', async (_, options, code) => {
  await expect(answer({ method: 'deco-g', ...options })).rejects.toMatchObject({ code });
});
