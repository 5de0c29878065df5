/** The cache of Clover's augmenting block while runs decode: committed tokens only, a lane for each run. */

import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { generate, generateBatch } from '../generate.ts';
import { savedClover } from '../testing/heads.ts';
import { loadStories } from '../testing/models.ts';
import { openClover } from './clover-lanes.ts';

describe('the augmenting cache', () => {
  let model: LanguageModel;
  let heads: string;
  beforeAll(async () => {
    model = await loadStories('w8a8');
    heads = await savedClover({ model: 'stories260k', hiddenSize: 64, vocabSize: 512 });
  });
  afterAll(async () => {
    await model[Symbol.asyncDispose]();
    await rm(heads, { recursive: true });
  });
  const method = () => ({
    method: 'clover',
    methodOptions: { heads, size: 'fixed', nodes: 8 },
    maxTokens: 24,
  });

  it('holds what is committed, and nothing once a run has ended', async () => {
    const prompt = 'Once upon a time';
    const lanes = await openClover(model, heads);
    const read = model.tokenizer.encode(prompt).length;
    let committed = 0;
    for await (const step of generate(model, prompt, method())) {
      // Of the tokens up to the last one, those before the last step's.
      if (!step.finish && committed > 0) expect(lanes.used).toBe(read + committed - 1);
      committed += step.committed.length;
    }
    expect(committed).toBe(24);
    expect(lanes.used).toBe(0);
  });

  it('gives runs that end at different times what each gets alone', async () => {
    const prompts = ['Once upon a time', 'The dog', 'Lily and Tom went to the park. They saw a big'];
    const alone = [];
    for (const prompt of prompts) alone.push(await generate(model, prompt, method()).result);
    const together = await generateBatch(model, prompts, method()).result;
    for (const [i, { tokens, statistics }] of together.entries()) {
      expect(tokens).toEqual(alone[i].tokens);
      expect(statistics.drafted).toBe(alone[i].statistics.drafted);
    }
    const two = await Promise.all(
      prompts.slice(0, 2).map((prompt) => generate(model, prompt, method()).result),
    );
    expect(two.map(({ tokens }) => tokens)).toEqual(alone.slice(0, 2).map(({ tokens }) => tokens));
    expect((await openClover(model, heads)).used).toBe(0);
  });

  it('is left clean by a run that is left', async () => {
    for await (const { committed } of generate(model, 'The dog', method())) if (committed.length > 0) break;
    expect((await openClover(model, heads)).used).toBe(0);
  });

  it('keeps to a constraint, with forced text in between', async () => {
    const regex = 'The (dog|cat) was very (happy|sad)\\. The end\\.';
    const prompt = 'Once upon a time';
    const plain = await generate(model, prompt, { method: 'greedy', regex, maxTokens: 40 }).result;
    const ours = await generate(model, prompt, { ...method(), regex, maxTokens: 40 }).result;
    expect(ours.tokens).toEqual(plain.tokens);
    expect(ours.text).toMatch(/^The (dog|cat) was very (happy|sad)\. The end\.$/);
  });
});
