/** The drafter of docs/extending.md as a user has it: from its file, importing the built package. */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript without types.
import { phrases } from '../examples/phrases.mjs';
import { conformance } from '../src/decode/testing/conformance.ts';
import { loadStories } from '../src/decode/testing/models.ts';
import { generate, type LanguageModel } from '../src/index.ts';

const texts = [
  'Once upon a time, there was a little girl named Lily.',
  'She loved to play outside in the park.',
];
let model: LanguageModel;
beforeAll(async () => {
  model = await loadStories('w8a8');
});
afterAll(() => model[Symbol.asyncDispose]());

describe('examples/phrases.mjs', () => {
  it('is what docs/extending.md shows, in under 40 lines', async () => {
    const text = await readFile('examples/phrases.mjs', 'utf8');
    expect(await readFile('docs/extending.md', 'utf8')).toContain(text);
    expect(text.split('\n').length).toBeLessThan(40);
  });

  it('takes fewer forwards where its phrases come up', async () => {
    const options = { maxTokens: 64, ignoreEos: true };
    const plain = await generate(model, 'Once', options).result;
    const drafted = await generate(model, 'Once', { ...options, method: phrases(model.tokenizer, texts) })
      .result;
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(drafted.forwards).toBeLessThan(plain.forwards - 8);
  });
});

await using tokens = await loadStories('w8a8');
conformance(phrases(tokens.tokenizer, texts), { precisions: ['w8a8'] });
