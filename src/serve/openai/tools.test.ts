/** Function calls as OpenAI's own client asks for them. */

import { expect, it } from 'vitest';
import { dictate } from '../../decode/testing/dictated.ts';
import { chat, client, server } from '../testing/openai.ts';

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
