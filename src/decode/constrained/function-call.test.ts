/** Answers that may turn into a call: any text, calls under their schemas, and what of them is told as they come. */

import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { generate } from '../generate.ts';
import { dictate } from '../testing/dictated.ts';
import { loadStories } from '../testing/models.ts';
import { callOf, instruct, maybeCallOf, writtenCall } from './function-call.ts';
import { jsonSchemaLanguage } from './json-schema/compile.ts';
import { matcher } from './testing/read-bytes.ts';
import { TokenConstraint } from './token-constraint.ts';
import { Vocabulary } from './vocabulary.ts';

const model = await loadStories('w8a8');
afterAll(() => model[Symbol.asyncDispose]());

const parameters = {
  type: 'object',
  properties: { city: { enum: ['Oslo', 'Rome'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['city', 'days'],
  additionalProperties: false,
};
const tools = [
  { name: 'weather', parameters },
  { name: 'clock', parameters: { type: 'object', properties: {}, additionalProperties: false } },
];
const calling = maybeCallOf(tools);
const language = new TokenConstraint(
  calling.constraint.constraint!,
  new Vocabulary(model.tokenizer, model.eosIds),
);
const state = (text: string) => {
  let at: ReturnType<typeof language.start> | undefined = language.start();
  for (const token of model.tokenizer.encode(`\n${text}`, { addSpecialTokens: false }).slice(1))
    at = at?.advance(token);
  return at;
};
const rome = '{"name":"weather","arguments":{"city":"Rome","days":3}}';

describe('an answer that may be a call', () => {
  it('is any text without the marker', () => {
    const piece = fc.constantFrom(
      '<',
      '<tool',
      '_call',
      '>',
      'tool_call>',
      '<<tool_call',
      ' a',
      'é',
      '{}',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        fc.pre(!text.includes('<tool_call>'));
        expect(state(text)?.accepts).toBe(true);
        expect(calling.read(text, true)).toEqual({ text });
      }),
    );
  });

  it.each([
    `<tool_call>${rome}</tool_call>`,
    `<tool_call>\n${rome}\n</tool_call>`,
    `Let me see.\n<<tool_call>${rome}</tool_call>`,
    '<tool_call>{"name":"clock","arguments":{}}</tool_call>',
  ])('is %j, and ends there', (text) => {
    const end = state(text)!;
    expect(end.accepts).toBe(true);
    expect(end.advance(model.tokenizer.encode('\na', { addSpecialTokens: false }).at(-1)!)).toBeUndefined();
    expect(calling.read(text, true).call).toBeDefined();
  });

  it.each([
    '<tool_call>Rome',
    '<tool_call>{"name":"rain"',
    '<tool_call>{"name":"weather","arguments":{"city":"Paris"',
    `<tool_call>${rome}<tool`,
    '<tool_call>{"name":"clock","arguments":{}}</tool_call> and more',
  ])('does not begin with %j', (text) => {
    expect(state(text)).toBeUndefined();
  });

  it('is not complete within a call', () => {
    for (const text of ['<tool_call>', `<tool_call>${rome}`, `<tool_call>${rome}\n</tool_call`]) {
      expect(state(text)).toMatchObject({ accepts: false });
    }
    expect(calling.read(`Well <tool_call>${rome}`, false)).toEqual({ text: `Well <tool_call>${rome}` });
  });

  it('is told as it comes, but for what may be the beginning of a call', () => {
    const whole = `See <tool <<tool_call>${rome}</tool_call>`;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 60, maxLength: 90 }), (lengths) => {
        const listen = calling.listen();
        let [said, at] = ['', 0];
        for (const length of lengths) {
          said += listen(whole.slice(at, at + length));
          at += length;
          expect('See <tool <'.startsWith(said)).toBe(true);
        }
        expect(at < whole.length || said === 'See <tool <').toBe(true);
      }),
    );
  });

  it.each(['greedy', 'prompt-lookup'])('is what the model wants to say, under %s', async (method) => {
    const say = async (wanted: string) => {
      const undo = dictate(model, wanted);
      try {
        const options = { ...calling.constraint, maxTokens: 120, method };
        return (await generate(model, 'Once upon a time', options).result).text.trimStart();
      } finally {
        undo();
      }
    };
    expect(await say('It is late.')).toBe('It is late.');
    const call = `Yes. <tool_call>${rome}</tool_call>`;
    expect(await say(call)).toBe(call);
    // Where it calls, the schema rules.
    const wrong = await say(`<tool_call>${rome.replace('Rome', 'Paris')}</tool_call>`);
    expect(['Oslo', 'Rome']).toContain(JSON.parse(calling.read(wrong, true).call!.arguments).city);
  });
});

describe('schemas of arguments that refer to themselves', () => {
  const tree = {
    type: 'object',
    properties: { of: { $ref: '#' }, name: { $ref: '#/$defs/name' } },
    $defs: { name: { enum: ['oak', 'elm'] } },
  };
  const clock = { type: 'object', properties: { of: { type: 'null' } } };
  const both = [
    { name: 'plant', parameters: tree },
    { name: 'clock', parameters: clock },
  ];

  it('mean what they mean alone', () => {
    const matches = matcher(jsonSchemaLanguage(callOf(both).constraint.schema));
    expect(matches('{"name":"plant","arguments":{"of":{"name":"elm"},"name":"oak"}}')).toBe(true);
    expect(matches('{"name":"plant","arguments":{"of":{"name":"ash"}}}')).toBe(false);
    const maybe = matcher(maybeCallOf(both.slice(0, 1)).constraint.constraint!);
    expect(maybe('<tool_call>{"name":"plant","arguments":{"of":{}}}</tool_call>')).toBe(true);
    expect(maybe('<tool_call>{"name":"plant","arguments":{"of":1}}</tool_call>')).toBe(false);
  });
});

it('a call that is cut off behind a marker in one of its texts is text', () => {
  const text = '<tool_call>{"name":"weather","arguments":{"city":"</tool_call>';
  expect(calling.read(text, false)).toEqual({ text });
});

it('an answer that must be a call is none when it was cut off', () => {
  const must = callOf(tools);
  expect(must.read('{"name":"clock"', false)).toEqual({ text: '{"name":"clock"' });
  expect(must.read('{"name":"clock","arguments":{}}', true)).toEqual({
    text: '',
    call: { name: 'clock', arguments: '{}' },
  });
  expect(must.listen()('{')).toBe('');
});

it('instructions go before the conversation, into its system text', () => {
  const [system, user] = instruct([{ role: 'user', content: 'Hi' }], calling);
  expect(system).toMatchObject({ role: 'system', content: expect.stringContaining('"name":"weather"') });
  expect(user).toEqual({ role: 'user', content: 'Hi' });
  expect(instruct([{ role: 'system', content: 'Be kind.' }], calling)).toHaveLength(1);
  const written = writtenCall({ name: 'clock', arguments: '{}' });
  expect(calling.read(written, true).call).toEqual({ name: 'clock', arguments: '{}' });
});
