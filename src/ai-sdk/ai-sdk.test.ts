/** The provider as the real AI SDK uses it, on the house models. */

import { getEventListeners } from 'node:events';
import { generateObject, generateText, Output, streamObject, streamText, tool } from 'ai';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { generate } from '../decode/generate.ts';
import { dictate } from '../decode/testing/dictated.ts';
import { load } from '../models/load.ts';
import { createQuickstep } from './index.ts';
import { QuickstepModel } from './model.ts';

const quickstep = createQuickstep({ threads: 1 });
const house = await load('house-causal', { threads: 1 });
const model = quickstep(house);
afterAll(async () => {
  await quickstep.close();
  await house[Symbol.asyncDispose]();
});

const prompt = 'Sort the letters: d b a c';
const messages = [{ role: 'user', content: prompt }];

describe('generateText', () => {
  it('answers what the library answers, with usage', async () => {
    const alone = await generate(house, messages, { maxTokens: 24 }).result;
    const result = await generateText({ model, prompt, maxOutputTokens: 24 });
    expect(result.text).toBe(alone.text);
    expect(result.finishReason).toBe(alone.finish === 'eos' ? 'stop' : 'length');
    expect(result.usage).toMatchObject({
      inputTokens: alone.promptTokens,
      outputTokens: alone.tokens.length,
      totalTokens: alone.promptTokens + alone.tokens.length,
    });
    expect(result.warnings ?? []).toEqual([]);
    expect(result.providerMetadata?.quickstep).toMatchObject({ forwards: alone.forwards });
  });

  it('reads a conversation from where it goes on', async () => {
    const ask = 'Sort the letters: f e g';
    const first = await generateText({ model, prompt: ask, maxOutputTokens: 24 });
    const second = await generateText({
      model,
      messages: [
        { role: 'user', content: ask },
        { role: 'assistant', content: first.text },
        { role: 'user', content: ask },
      ],
      maxOutputTokens: 24,
    });
    const { noCacheTokens, cacheReadTokens } = second.usage.inputTokenDetails;
    expect(cacheReadTokens).toBeGreaterThan(ask.length / 2);
    expect(noCacheTokens! + cacheReadTokens!).toBe(second.usage.inputTokens);
  });

  it('takes sampling settings and the seed', async () => {
    const stories = quickstep('stories260k');
    const options = { maxTokens: 20, temperature: 0.9, topK: 40, topP: 0.95, seed: 11 };
    await using alone = await load('stories260k', { threads: 1 });
    const { text } = await generate(alone, 'Once upon a time', options).result;
    const { maxTokens: maxOutputTokens, ...rest } = options;
    const result = await generateText({
      model: stories,
      prompt: 'Once upon a time',
      maxOutputTokens,
      ...rest,
    });
    expect(result.text).toBe(text);
    expect(result.warnings).toMatchObject([{ type: 'compatibility', feature: 'chat' }]);
    const other = await generateText({
      model: stories,
      prompt: 'Once upon a time',
      maxOutputTokens,
      ...rest,
      seed: 12,
    });
    expect(other.text).not.toBe(text);
  });

  it('decodes with the method of providerOptions', async () => {
    const diffusion = quickstep('house-diffusion');
    const { providerMetadata, text } = await generateText({
      model: diffusion,
      prompt,
      maxOutputTokens: 16,
      providerOptions: { quickstep: { method: 'diffusion', methodOptions: { steps: 4 } } },
    });
    expect(text).not.toBe('');
    expect(providerMetadata?.quickstep.forwards).toBe(4);
    const plain = await generateText({ model: quickstep('house-causal'), prompt, maxOutputTokens: 24 });
    const drafted = await generateText({
      model: quickstep('house-causal'),
      prompt,
      maxOutputTokens: 24,
      providerOptions: { quickstep: { method: 'draft-alignment' } },
    });
    expect(drafted.text).toBe(plain.text);
    expect(drafted.providerMetadata?.quickstep.drafted).toBeGreaterThan(0);
  });

  it('refuses what it does not know and warns of what it does not do', async () => {
    const options = (own: Record<string, never | string | number>) => ({
      model,
      prompt,
      maxOutputTokens: 4,
      providerOptions: { quickstep: own },
    });
    await expect(generateText(options({ colour: 'red' }))).rejects.toThrow('colour');
    await expect(generateText(options({ method: 'magic' }))).rejects.toThrow('magic');
    await expect(generateText(options({ minP: 3 }))).rejects.toThrow('minP');
    await expect(generateText(options({ seed: 'five' }))).rejects.toThrow('seed');
    const image = { type: 'file' as const, data: new Uint8Array([1]), mediaType: 'image/png' };
    await expect(generateText({ model, messages: [{ role: 'user', content: [image] }] })).rejects.toThrow(
      'type "file"',
    );
    const { warnings } = await generateText({
      model,
      prompt,
      maxOutputTokens: 4,
      reasoning: 'high',
      tools: { clock: tool({ inputSchema: z.object({}) }) },
    });
    expect(warnings?.map((warning) => 'feature' in warning && warning.feature)).toEqual(['reasoning']);
    expect(() => quickstep.embeddingModel('x')).toThrow('no embedding model');
  });

  it('calls a tool when it must', async () => {
    const weather = tool({
      inputSchema: z.object({ city: z.enum(['Oslo', 'Rome']), days: z.int().min(1).max(9) }),
      execute: async ({ city }) => `${city} is sunny`,
    });
    const { toolCalls, toolResults, finishReason } = await generateText({
      model,
      prompt,
      maxOutputTokens: 60,
      tools: { weather },
      toolChoice: 'required',
    });
    expect(finishReason).toBe('tool-calls');
    expect(toolCalls).toMatchObject([{ toolName: 'weather' }]);
    expect(toolResults[0].output).toMatch(/^(Oslo|Rome) is sunny$/);
  });
});

describe('a tool that may be called', () => {
  const weather = tool({
    inputSchema: z.object({ city: z.enum(['Oslo', 'Rome']) }),
    execute: async ({ city }) => `${city} is sunny`,
  });
  const options = { model, prompt, maxOutputTokens: 120, tools: { weather } };
  const call = '<tool_call>{"name":"weather","arguments":{"city":"Rome"}}</tool_call>';
  const dictated = <T>(text: string, ask: () => Promise<T>): Promise<T> => {
    const undo = dictate(house, text);
    return ask().finally(undo);
  };

  it('is not, when the model answers in text', async () => {
    const { text, toolCalls, finishReason, warnings } = await dictated('it is late', () =>
      generateText(options),
    );
    expect({ text, toolCalls, finishReason }).toEqual({
      text: 'it is late',
      toolCalls: [],
      finishReason: 'stop',
    });
    expect(warnings ?? []).toEqual([]);
  });

  it('is, when the model calls it, behind text or at once', async () => {
    for (const before of ['', 'let me see ']) {
      const result = await dictated(before + call, () => generateText(options));
      expect(result.finishReason).toBe('tool-calls');
      expect(result.text).toBe(before);
      expect(result.toolResults[0]).toMatchObject({ toolName: 'weather', output: 'Rome is sunny' });
    }
  });

  it('is streamed as text first and then the call', async () => {
    const { text, calls } = await dictated(`let me see ${call}`, async () => {
      const stream = streamText(options);
      let text = '';
      const calls: string[] = [];
      for await (const part of stream.fullStream) {
        if (part.type === 'text-delta') text += part.text;
        if (part.type === 'tool-call') calls.push(`${part.toolName} ${JSON.stringify(part.input)}`);
      }
      return { text, calls };
    });
    expect(text).toBe('let me see ');
    expect(calls).toEqual(['weather {"city":"Rome"}']);
  });

  it('is ignored beside an answer in JSON, with a warning', async () => {
    const { warnings } = await generateText({
      ...options,
      output: Output.object({ schema: z.object({ age: z.int().min(0).max(9) }) }),
    });
    expect(warnings?.map((warning) => 'feature' in warning && warning.feature)).toEqual([
      'toolChoice "auto"',
    ]);
  });
});

describe('streamText', () => {
  it('streams the same text, with usage and raw steps', async () => {
    const whole = await generateText({ model, prompt, maxOutputTokens: 24 });
    const stream = streamText({ model, prompt, maxOutputTokens: 24, includeRawChunks: true });
    const deltas = [];
    let steps = 0;
    for await (const part of stream.fullStream) {
      if (part.type === 'text-delta') deltas.push(part.text);
      if (part.type === 'raw') steps++;
    }
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.join('')).toBe(whole.text);
    expect(await stream.usage).toMatchObject({ outputTokens: whole.usage.outputTokens });
    expect(steps).toBe(whole.providerMetadata?.quickstep.steps);
  });

  it('stops when its signal aborts, and frees what it held', async () => {
    const controller = new AbortController();
    const stream = streamText({
      model: quickstep('stories260k'),
      prompt: 'Once upon a time',
      maxOutputTokens: 400,
      providerOptions: { quickstep: { ignoreEos: true } },
      abortSignal: controller.signal,
      onError: () => {},
    });
    let [deltas, aborted] = [0, false];
    for await (const part of stream.fullStream) {
      if (part.type === 'text-delta' && ++deltas === 3) controller.abort();
      if (part.type === 'abort') aborted = true;
    }
    expect(aborted).toBe(true);
    expect(deltas).toBeLessThan(50);
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(generateText({ model, prompt, abortSignal: signal })).rejects.toThrow('too late');
  });

  it('does not wait for a model that is still loading when its signal aborts', async () => {
    const controller = new AbortController();
    const endless = () => {
      setTimeout(() => controller.abort(new Error('too slow')), 10);
      return new Promise<never>(() => {});
    };
    const loading = new QuickstepModel('slow', { batch: endless, draft: endless });
    const { signal: abortSignal } = controller;
    const answer = loading.doGenerate({ prompt: [], abortSignal }).catch((error: Error) => error.message);
    const waiting = new Promise((resolve) => setTimeout(() => resolve('waiting'), 100));
    expect(await Promise.race([answer, waiting])).toBe('too slow');
  });

  it('leaves nothing at a signal that outlives the call, answered or refused', async () => {
    const { signal: abortSignal } = new AbortController();
    const call = {
      prompt: [{ role: 'user' as const, content: [{ type: 'text' as const, text: prompt }] }],
      maxOutputTokens: 2,
      abortSignal,
    };
    await model.doGenerate(call);
    await expect(model.doGenerate({ ...call, maxOutputTokens: -1 })).rejects.toThrow('maxTokens');
    expect(getEventListeners(abortSignal, 'abort')).toHaveLength(0);
  });

  it('shares forwards between calls', async () => {
    let forwards = 0;
    const counted = Object.create(house, {
      forwardLanes: {
        value: (...lanes: Parameters<typeof house.forwardLanes>) => {
          forwards++;
          return house.forwardLanes(...lanes);
        },
      },
    }) as typeof house;
    const shared = quickstep(counted);
    const answers = await Promise.all(
      [0, 1, 2, 3].map(() => generateText({ model: shared, prompt, maxOutputTokens: 12 })),
    );
    const [{ usage }] = answers;
    // The prompt is read once; the others begin behind it, a forward later, and all that follows is shared.
    expect(forwards).toBe(usage.outputTokens! + 1);
  });
});

describe('objects', () => {
  const schema = z.object({ name: z.string().max(8), age: z.int().min(0).max(99) });

  it('generateObject keeps to the schema', async () => {
    const { object } = await generateObject({
      model,
      schema,
      prompt: 'Invent a person.',
      maxOutputTokens: 60,
    });
    expect(schema.parse(object)).toEqual(object);
  });

  it('generateText with an output setting does, too', async () => {
    const { output } = await generateText({
      model,
      output: Output.object({ schema }),
      prompt: 'Invent a person.',
      maxOutputTokens: 60,
    });
    expect(schema.parse(output)).toEqual(output);
  });

  it('streamObject ends in the same object', async () => {
    const stream = streamObject({ model, schema, prompt: 'Invent a person.', maxOutputTokens: 60 });
    let partials = 0;
    for await (const _ of stream.partialObjectStream) partials++;
    const { object } = await generateObject({
      model,
      schema,
      prompt: 'Invent a person.',
      maxOutputTokens: 60,
    });
    expect(await stream.object).toEqual(object);
    expect(partials).toBeGreaterThan(1);
  });

  it('names a schema keyword that cannot be kept', async () => {
    const lists = z.object({ words: z.array(z.string()) }).meta({ contains: {} });
    await expect(generateObject({ model, schema: lists, prompt })).rejects.toThrow('contains');
  });
});
