/** The server as OpenAI's own client uses it, over HTTP, on the house models. */

import OpenAI, { APIError, BadRequestError, NotFoundError } from 'openai';
import { afterAll, describe, expect, it } from 'vitest';
import { generate } from '../decode/generate.ts';
import { dictate } from '../decode/testing/dictated.ts';
import { load } from '../models/load.ts';
import { serve } from './server.ts';

const server = await serve({ port: 0, threads: 1, maxAnswer: 128 });
const model = await load('house-causal', { threads: 1 });
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
afterAll(async () => {
  await server.close();
  await model[Symbol.asyncDispose]();
});

const ask = (content: string) => [{ role: 'user' as const, content }];
const question = 'Sort the letters: d b a c';
const chat = { model: 'house-causal', messages: ask(question), max_tokens: 24 };

describe('chat completions', () => {
  it('answers what the library answers', async () => {
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

  it('reads a conversation from where it goes on, and tells so', async () => {
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

  it('gives n choices, each by its own seed, the same for the same seed', async () => {
    const story = { ...chat, model: 'stories260k', messages: undefined, temperature: 1, n: 3, seed: 5 };
    const { messages: _, ...body } = { ...story, prompt: 'Once upon a time', max_tokens: 16 };
    const first = await client.completions.create(body);
    const again = await client.completions.create(body);
    const texts = first.choices.map(({ text }) => text);
    expect(new Set(texts).size).toBe(3);
    expect(again.choices.map(({ text }) => text)).toEqual(texts);
    const fourth = await client.completions.create({ ...body, n: 1, seed: 7 });
    expect(fourth.choices[0].text).toBe(texts[2]);
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

  it('calls a function, with arguments under their schema', async () => {
    const parameters = {
      type: 'object',
      properties: { city: { enum: ['Oslo', 'Rome'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
      required: ['city', 'days'],
      additionalProperties: false,
    };
    const weather = { type: 'function' as const, function: { name: 'weather', parameters } };
    const clock = {
      type: 'function' as const,
      function: {
        name: 'clock',
        parameters: { type: 'object', properties: {}, additionalProperties: false },
      },
    };
    const body = { ...chat, max_tokens: 60 };
    const named = await client.chat.completions.create({
      ...body,
      tools: [weather, clock],
      tool_choice: { type: 'function', function: { name: 'weather' } },
    });
    const [call] = named.choices[0].message.tool_calls!;
    expect(named.choices[0].finish_reason).toBe('tool_calls');
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } });
    const input = JSON.parse((call as { function: { arguments: string } }).function.arguments);
    expect(['Oslo', 'Rome']).toContain(input.city);

    const stream = await client.chat.completions.create({
      ...body,
      tools: [weather, clock],
      tool_choice: 'required',
      stream: true,
    });
    const calls = [];
    for await (const chunk of stream) calls.push(...(chunk.choices[0]?.delta.tool_calls ?? []));
    expect(calls).toHaveLength(1);
    expect(['weather', 'clock']).toContain(calls[0].function!.name);
    JSON.parse(calls[0].function!.arguments!);
  });

  it('leaves it to the model whether to call a function', async () => {
    const parameters = {
      type: 'object',
      properties: { city: { enum: ['Oslo', 'Rome'] } },
      required: ['city'],
      additionalProperties: false,
    };
    const weather = { type: 'function' as const, function: { name: 'weather', parameters } };
    const body = { ...chat, max_tokens: 120, tools: [weather] };
    const { model } = await server.models.batch(chat.model);
    const saying = async <T>(text: string, ask: () => Promise<T>) => {
      const undo = dictate(model, text);
      return ask().finally(undo);
    };
    const whole = (text: string) =>
      saying(text, async () => (await client.chat.completions.create(body)).choices[0]);
    const streamed = (text: string) =>
      saying(text, async () => {
        let content = '';
        const calls = [];
        let reason: string | null = null;
        for await (const { choices } of await client.chat.completions.create({ ...body, stream: true })) {
          const [choice] = choices;
          content += choice.delta.content ?? '';
          calls.push(...(choice.delta.tool_calls ?? []));
          reason = choice.finish_reason ?? reason;
        }
        return { content, calls, reason };
      });

    const late = await whole('it is < late');
    expect(late).toMatchObject({ finish_reason: 'stop', message: { content: 'it is < late' } });
    expect(late.message.tool_calls).toBeUndefined();
    expect(await streamed('it is < late')).toEqual({ content: 'it is < late', calls: [], reason: 'stop' });

    const call = 'let me see <tool_call>{"name":"weather","arguments":{"city":"Rome"}}</tool_call>';
    const wanted = { type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } };
    expect(await whole(call)).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: 'let me see ', tool_calls: [wanted] },
    });
    expect(await streamed(call)).toMatchObject({
      content: 'let me see ',
      calls: [{ index: 0, ...wanted }],
      reason: 'tool_calls',
    });
    const only = await whole(call.slice(call.indexOf('<')));
    expect(only.message).toMatchObject({ content: null, tool_calls: [wanted] });

    // The answer and the tool's result go back into the conversation.
    const messages = [
      ...chat.messages,
      only.message,
      { role: 'tool' as const, tool_call_id: only.message.tool_calls![0].id, content: 'sunny' },
    ];
    const after = await saying('sunny', () => client.chat.completions.create({ ...body, messages }));
    expect(after.choices[0].message.content).toBe('sunny');
  });
});

describe('completions', () => {
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
});

describe('models', () => {
  it('lists those on this machine and finds one', async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['house-causal', 'house-diffusion', 'stories260k']));
    expect(await client.models.retrieve('house-causal')).toMatchObject({
      id: 'house-causal',
      object: 'model',
    });
    await expect(client.models.retrieve('a/b')).rejects.toBeInstanceOf(NotFoundError);
  });
});

describe('refusals', () => {
  const impossible: [string, object, Partial<APIError>][] = [
    ['an unknown model', { model: 'gpt-9' }, { status: 404, code: 'model_not_found', param: 'model' }],
    ['a path as a model', { model: './package.json' }, { status: 404 }],
    ['an unknown parameter', { colour: 'red' }, { status: 400, code: 'unknown_parameter', param: 'colour' }],
    ['a wrong type', { temperature: 'hot' }, { status: 400, param: 'temperature' }],
    ['no messages', { messages: [] }, { status: 400, param: 'messages' }],
    ['an image', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, { status: 400 }],
    ['too long an answer', { max_tokens: 129 }, { status: 400, param: 'max_tokens' }],
    ['an unknown method', { quickstep: { method: 'magic' } }, { status: 404 }],
    ['a method object', { quickstep: { method: { slug: 'x' } } }, { status: 400 }],
    [
      'an unknown method option',
      { quickstep: { methodOptions: { x: 1 } } },
      { status: 400, code: 'bad_option' },
    ],
    [
      'an unknown option of ours',
      { quickstep: { constraint: {} } },
      { status: 400, param: 'quickstep.constraint' },
    ],
    [
      'a method the model cannot run',
      { quickstep: { method: 'diffusion' } },
      { status: 400, code: 'unsupported' },
    ],
    ['a temperature on greedy', { temperature: 1, quickstep: { method: 'greedy' } }, { status: 400 }],
    ['a broken pattern', { quickstep: { regex: '(' } }, { status: 400 }],
    [
      'two constraints',
      { response_format: { type: 'json_object' }, quickstep: { regex: 'a' } },
      { status: 400 },
    ],
    [
      'a prompt beyond the context',
      { messages: ask('many words '.repeat(2000)) },
      { status: 400, code: 'bad_input' },
    ],
    ['a seed out of range', { seed: 2 ** 60 }, { status: 400, param: 'seed' }],
  ];
  it.each(impossible)('%s', async (_, change, expected) => {
    for (const stream of [false, true]) {
      const request = client.chat.completions.create({ ...chat, ...change, stream } as typeof chat);
      const error = await request.then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(APIError);
      expect(error).toMatchObject(expected);
    }
  });

  it('leaves the server as it was', async () => {
    expect(server.admission.pending).toBe(0);
    for (const batch of server.models.loaded) expect([batch.running, batch.slots]).toEqual([0, 0]);
  });
});
