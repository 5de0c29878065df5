/** Chat completions as OpenAI's own client asks for them. */

import type OpenAI from 'openai';
import { BadRequestError } from 'openai';
import { expect, it } from 'vitest';
import { generate } from '../../decode/generate.ts';
import { load } from '../../models/load.ts';
import { ask, chat, client, question } from '../testing/openai.ts';

it('answers what the library answers', async () => {
  await using model = await load('house-causal', { threads: 1 });
  const alone = await generate(model, ask(question), { maxTokens: 24 }).result;
  const { choices, usage, object } = await client.chat.completions.create(chat);
  expect(object).toBe('chat.completion');
  expect(choices).toEqual([
    {
      index: 0,
      message: { role: 'assistant', content: alone.text, refusal: null },
      logprobs: null,
      finish_reason: alone.finish === 'eos' ? 'stop' : 'length',
    },
  ]);
  expect(usage).toMatchObject({
    prompt_tokens: alone.promptTokens,
    completion_tokens: alone.tokens.length,
    total_tokens: alone.promptTokens + alone.tokens.length,
    quickstep: { method: 'greedy', forwards: alone.forwards },
  });
});

it('reads a conversation from where it goes on, and tells so', async () => {
  await using model = await load('house-causal', { threads: 1 });
  const first = await client.chat.completions.create({ ...chat, messages: ask('Sort: 8 2 6') });
  const messages = [
    ...ask('Sort: 8 2 6'),
    { role: 'assistant' as const, content: first.choices[0].message.content },
    ...ask('Sort: 1 9 4'),
  ];
  const { usage, choices } = await client.chat.completions.create({ ...chat, messages });
  expect(choices[0].message.content).toBe(
    (await generate(model, messages as Parameters<typeof generate>[1], { maxTokens: 24 }).result).text,
  );
  expect(usage!.prompt_tokens_details!.cached_tokens).toBeGreaterThan(first.usage!.prompt_tokens - 2);
  expect(usage!.prompt_tokens_details!.cached_tokens).toBeLessThan(usage!.prompt_tokens);
});

it('streams the same text, with usage at the end', async () => {
  const whole = await client.chat.completions.create(chat);
  const stream = await client.chat.completions.create({
    ...chat,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  const reasons = [];
  let usage: object | null | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason);
    usage = chunk.usage;
  }
  expect(text).toBe(whole.choices[0].message.content);
  expect(reasons).toEqual([whole.choices[0].finish_reason]);
  expect(usage).toMatchObject({ completion_tokens: whole.usage!.completion_tokens });
});

it('gives log probabilities of every token, whole and streamed', async () => {
  const body = { ...chat, logprobs: true, top_logprobs: 3 };
  const { choices } = await client.chat.completions.create(body);
  const content = choices[0].logprobs!.content!;
  expect(content.map(({ token }) => token).join('')).toBe(choices[0].message.content);
  for (const { token, logprob, top_logprobs } of content) {
    expect(top_logprobs).toHaveLength(3);
    expect(top_logprobs[0].token).toBe(token);
    expect(top_logprobs[0].logprob).toBeCloseTo(logprob, 4);
    expect(logprob).toBeLessThanOrEqual(0);
  }
  const streamed = [];
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
    streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
  }
  expect(streamed).toEqual(content);
});

it.each([
  ['Reverse: abc', []],
  ['Sort: 3 1 2', [' ']],
])('tells nothing of what a canvas holds behind the end of the answer to %s', async (content, stop) => {
  const body = {
    ...{ model: 'house-diffusion', messages: ask(content), max_tokens: 32, logprobs: true, stop },
    quickstep: { method: 'diffusion', methodOptions: { steps: 4 } },
  } as OpenAI.ChatCompletionCreateParamsNonStreaming;
  const { choices } = await client.chat.completions.create(body);
  const streamed = [];
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
    streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
  }
  expect(streamed).toEqual(choices[0].logprobs!.content);
});

it('stops at a stop text and at the token limit', async () => {
  const { choices: whole } = await client.chat.completions.create(chat);
  const text = whole[0].message.content!;
  const stop = text.slice(2, 4);
  const { choices: stopped } = await client.chat.completions.create({ ...chat, stop });
  expect(stopped[0].message.content).toBe(text.slice(0, text.indexOf(stop)));
  expect(stopped[0].finish_reason).toBe('stop');
  const { choices: short } = await client.chat.completions.create({ ...chat, max_tokens: 2 });
  expect(short[0].finish_reason).toBe('length');
});

it('runs other methods on other models, with their options', async () => {
  const { choices, usage } = await client.chat.completions.create({
    ...chat,
    model: 'house-diffusion',
    max_tokens: 16,
    quickstep: { method: 'diffusion', methodOptions: { steps: 4 } },
  } as OpenAI.ChatCompletionCreateParamsNonStreaming);
  expect(choices[0].message.content).not.toBe('');
  expect(usage).toMatchObject({ quickstep: { method: 'diffusion', forwards: 4 } });
  const drafted = await client.chat.completions.create({
    ...chat,
    quickstep: { method: 'draft-alignment' },
  } as OpenAI.ChatCompletionCreateParamsNonStreaming);
  const plain = await client.chat.completions.create(chat);
  expect(drafted.choices[0].message.content).toBe(plain.choices[0].message.content);
});

it('keeps to a JSON schema and to JSON', async () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 8 },
      age: { type: 'integer', minimum: 0, maximum: 99 },
    },
    required: ['name', 'age'],
    additionalProperties: false,
  };
  const { choices } = await client.chat.completions.create({
    ...chat,
    max_tokens: 60,
    response_format: { type: 'json_schema', json_schema: { name: 'person', schema, strict: true } },
  });
  const { name, age, ...rest } = JSON.parse(choices[0].message.content!);
  expect([typeof name, Number.isInteger(age), rest]).toEqual(['string', true, {}]);
  expect(choices[0].finish_reason).toBe('stop');

  const refused = client.chat.completions.create({
    ...chat,
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'x', schema: { type: 'array', contains: { type: 'null' } } },
    },
  });
  await expect(refused).rejects.toThrow('contains');
  await expect(refused).rejects.toBeInstanceOf(BadRequestError);

  const stream = await client.chat.completions.create({
    ...chat,
    max_tokens: 60,
    response_format: { type: 'json_object' },
    stream: true,
  });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  expect(text.trimStart()[0]).toBe('{');
});
