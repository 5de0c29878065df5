/** Completions as OpenAI's own client asks for them. */

import { expect, it } from 'vitest';
import { generate } from '../../decode/generate.ts';
import { load } from '../../models/load.ts';
import { client } from '../testing/openai.ts';

it('goes on with texts and tokens, several at once', async () => {
  const prompts = ['Once upon a time', 'Lily had'];
  await using stories = await load('stories260k', { threads: 1 });
  const body = { model: 'stories260k', max_tokens: 12 };
  const { choices } = await client.completions.create({ ...body, prompt: prompts });
  for (const [i, prompt] of prompts.entries()) {
    const alone = await generate(stories, prompt, { maxTokens: 12 }).result;
    expect(choices[i]).toMatchObject({ index: i, text: alone.text, finish_reason: 'length' });
  }
  const tokens = [...stories.tokenizer.encode(prompts[0])];
  const byTokens = await client.completions.create({ ...body, prompt: tokens, logprobs: 2 });
  expect(byTokens.choices[0].text).toBe(choices[0].text);
  const { tokens: texts, token_logprobs, text_offset } = byTokens.choices[0].logprobs!;
  expect(token_logprobs).toHaveLength(12);
  expect(text_offset![3]).toBe(texts!.slice(0, 3).join('').length);
  let streamed = '';
  for await (const chunk of await client.completions.create({
    ...body,
    prompt: prompts[0],
    stream: true,
  })) {
    streamed += chunk.choices[0]?.text ?? '';
  }
  expect(streamed).toBe(choices[0].text);
});

it('gives n choices, each by its own seed, the same for the same seed', async () => {
  const sampling = { temperature: 1, n: 3, seed: 5 };
  const body = { model: 'stories260k', prompt: 'Once upon a time', max_tokens: 16, ...sampling };
  const first = await client.completions.create(body);
  const again = await client.completions.create(body);
  const texts = first.choices.map(({ text }) => text);
  expect(new Set(texts).size).toBe(3);
  expect(again.choices.map(({ text }) => text)).toEqual(texts);
  const fourth = await client.completions.create({ ...body, n: 1, seed: 7 });
  expect(fourth.choices[0].text).toBe(texts[2]);
});
