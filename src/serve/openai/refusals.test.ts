/** What is refused, to OpenAI's own client and with OpenAI's errors. */

import { APIError } from 'openai';
import { expect, it } from 'vitest';
import { ask, chat, client, server } from '../testing/openai.ts';

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
  ['a call without functions', { tool_choice: 'required' }, { status: 400, param: 'tool_choice' }],
  [
    'a call of a function that is not there',
    { tool_choice: { type: 'function', function: { name: 'clock' } } },
    { status: 400, param: 'tool_choice' },
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
