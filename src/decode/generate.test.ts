/** The front door: prompts of every kind, which method runs, steps and result of one generation. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { LanguageModel } from '../models/language-model.ts';
import { greedy } from './baseline/greedy.ts';
import { generate, generateBatch, promptTokens } from './generate.ts';
import { defineMethod } from './method.ts';
import { proposeDraft } from './phases.ts';
import { loadStories } from './testing/models.ts';

let model: LanguageModel;
beforeAll(async () => {
  model = await loadStories('w8a8');
});
afterAll(() => model[Symbol.asyncDispose]());

const prompt = 'Once upon a time';
const maxTokens = 12;

describe('generate', () => {
  it('is greedy without a temperature, and samples with one', async () => {
    const plain = await generate(model, prompt, { maxTokens }).result;
    expect(plain.tokens).toEqual(
      (await generate(model, prompt, { maxTokens, method: 'greedy' }).result).tokens,
    );
    const warm = await generate(model, prompt, { maxTokens, temperature: 1, seed: 3 }).result;
    const sampled = await generate(model, prompt, { maxTokens, method: 'sample', seed: 3 }).result;
    expect(warm.tokens).toEqual(sampled.tokens);
    expect(warm.tokens).not.toEqual(plain.tokens);
  });

  it('takes text and tokens alike', async () => {
    const tokens = promptTokens(model, prompt);
    expect(tokens[0]).toBe(model.tokenizer.bosId);
    const fromText = await generate(model, prompt, { maxTokens }).result;
    const fromTokens = await generate(model, { tokens }, { maxTokens }).result;
    expect(fromTokens.text).toBe(fromText.text);
    expect(fromText.promptTokens).toBe(tokens.length);
  });

  it('refuses a conversation without a chat template', () => {
    expect(() => generate(model, [{ role: 'user', content: 'Hello' }])).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
  });

  it('puts a conversation through the chat template', async () => {
    const chatTemplate =
      '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}bot:{% endif %}';
    await using chat = await loadStories('w8a8', { chatTemplate });
    const messages = [{ role: 'user', content: 'Tell me a story.' }];
    const tokens = chat.tokenizer.encode('user: Tell me a story.\nbot:', { addSpecialTokens: false });
    expect(promptTokens(chat, messages)).toEqual(tokens);
    const result = await generate(chat, messages, { maxTokens }).result;
    expect(result.text).toBe((await generate(chat, { tokens }, { maxTokens }).result).text);
  });

  it('gives the steps first and the result after them, or the result alone', async () => {
    const generation = generate(model, prompt, { maxTokens });
    let text = '';
    for await (const step of generation) text += step.text;
    const result = await generation.result;
    expect(result.text).toBe(text);
    expect(await generation.result).toBe(result);
    expect(result.firstTokenSeconds).toBeGreaterThan(0);
    expect(result.seconds).toBeGreaterThanOrEqual(result.firstTokenSeconds);
    expect(result.tokensPerSecond).toBeCloseTo(maxTokens / result.seconds, 6);
    expect((await generate(model, prompt, { maxTokens }).result).text).toBe(text);
  });

  it('finishes the steps that a consumer has begun', async () => {
    const generation = generate(model, prompt, { maxTokens });
    const steps = generation[Symbol.asyncIterator]();
    await steps.next();
    await steps.next();
    expect((await generation.result).tokens).toHaveLength(maxTokens);
    expect((await steps.next()).done).toBe(true);
  });

  it('has no result for a run that was left', async () => {
    const generation = generate(model, prompt, { maxTokens });
    for await (const _ of generation) break;
    await expect(generation.result).rejects.toThrow('stopped before its end');
  });

  it('runs a method of your own', async () => {
    const expected = await generate(model, prompt, { maxTokens, method: greedy }).result;
    // Drafts the known answer, so one forward after the other says nothing new.
    const oracle = defineMethod({
      slug: 'oracle',
      title: 'Oracle',
      family: 'speculative',
      summary: 'Knows the answer.',
      options: z.strictObject({ tokens: z.int().default(3).describe('Draft length.') }),
      needs: ['causal'],
      sampling: 'any',
      guarantee: 'lossless',
      phases: ({ tokens }) => ({
        propose: (run) => {
          const from = run.generated.length;
          const draft = expected.tokens.slice(from, from + Math.min(tokens, run.remaining - 1));
          return proposeDraft(run, { tokens: draft, parents: draft.map((_, i) => i - 1) });
        },
      }),
    });
    const { tokens, forwards } = await generate(model, prompt, { maxTokens, method: oracle }).result;
    expect(tokens).toEqual(expected.tokens);
    expect(forwards).toBe(maxTokens / 4);
  });

  it('lets logits processors of a method and of the user shape the answer', async () => {
    const banned = (await generate(model, prompt, { maxTokens }).result).tokens[0];
    const ban = (logits: Float32Array) => {
      logits[banned] = Number.NEGATIVE_INFINITY;
    };
    const processed = await generate(model, prompt, { maxTokens, processors: [ban] }).result;
    expect(processed.tokens).not.toContain(banned);
    const method = { ...greedy, phases: () => ({ score: [ban] }) };
    const own = await generate(model, prompt, { maxTokens, method }).result;
    expect(own.tokens).toEqual(processed.tokens);
  });

  it('tells the steps of a batch by request', async () => {
    const prompts = [prompt, 'The end', 'Lily'];
    const generation = generateBatch(model, prompts, { maxTokens });
    const texts = prompts.map(() => '');
    for await (const { request, text } of generation) texts[request] += text;
    expect((await generation.result).map(({ text }) => text)).toEqual(texts);
  });
});
