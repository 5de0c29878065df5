/** Canvases under a constraint: every method on a trained model, and the rules of filling on random languages. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { greedy } from '../baseline/greedy.ts';
import { regexLanguage, stringSet, templateLanguage } from '../constrained/index.ts';
import { type GenerateOptions, generate, generateBatch } from '../generate.ts';
import { normal } from '../random.ts';
import { methods } from '../registry.ts';
import type { Step } from '../step.ts';
import { canvasLanguage, decodeCanvasTokens } from '../testing/canvas-model.ts';
import { special } from '../testing/conformance-special.ts';
import { decodeTokens, letters } from '../testing/decode-tokens.ts';
import { diffusion } from './diffusion.ts';

let model: LanguageModel;
let noise: LanguageModel;
beforeAll(async () => {
  model = await load('house-diffusion', { threads: 1 });
  noise = await load('house-noise', { threads: 1 });
});
afterAll(async () => {
  await model?.[Symbol.asyncDispose]();
  await noise?.[Symbol.asyncDispose]();
});

const prompts = ['Tom has 3.', 'Use 3 7 8 to make 29.'];
const schema = {
  type: 'object',
  properties: { word: { type: 'string', maxLength: 6 }, count: { type: 'integer', minimum: 0, maximum: 99 } },
  required: ['word', 'count'],
};

/** A constraint and what its answers look like. */
const kinds: [string, GenerateOptions, RegExp][] = [
  ['a schema', { schema }, /^\{"word":\s?"(?:[^"\\]|\\.|\\u[0-9a-f]{4}){0,6}",\s?"count":\s?\d{1,2}\}$/i],
  [
    'a regular expression',
    { regex: '(?:Tom|Lily) has [1-9]\\d? apples\\.' },
    /^(Tom|Lily) has [1-9]\d? apples\.$/,
  ],
  [
    'a grammar',
    { grammar: 'root ::= n "+" n "+" n | "(" root ")"\nn ::= [1-9] [0-9]?' },
    /^\(*[1-9]\d?(\+[1-9]\d?){2}\)*$/,
  ],
  [
    'a template',
    { constraint: templateLanguage('Step [integer:1]: [integer:3] [+|-] [word:2]') },
    /^Step \d: -?(0|[1-9]\d*) [+-] \S+$/,
  ],
];
const maxTokens = 32;

const canvasMethods = [...methods.values()].filter(({ family }) => family === 'masked-diffusion');

describe.each(canvasMethods.map(({ slug }) => slug))('%s', (method) => {
  it('keeps to every kind of constraint', async () => {
    // Renoising would ask again and again.
    const methodOptions = method === 'renoise' ? special.renoise.common : {};
    for (const [index, [, constraint, expected]] of kinds.entries()) {
      const options = { method, ...constraint, methodOptions, maxTokens, temperature: index % 2, seed: 2 };
      const { text, finish } = await generate(model, prompts[0], options).result;
      expect(text).toMatch(expected);
      expect(finish).toBe('eos');
    }
  });
});

it('gives a batch the answers of single runs', async () => {
  const options = { schema, maxTokens };
  const batch = await generateBatch(model, prompts, options).result;
  for (const [index, prompt] of prompts.entries())
    expect(batch[index].tokens).toEqual((await generate(model, prompt, options).result).tokens);
});

describe('options of a canvas', () => {
  it.each([
    { blockLength: 4 },
    { blockLength: 0, steps: 8 },
    { order: 'random', earlyStop: 'never' },
    { order: 'origin', blockLength: 16 },
    { order: 'entropy', entropyBound: 1, cfgScale: 1 },
    { threshold: 0.5, order: 'margin', cache: 'dual', blockLength: 8, earlyStop: 'block' },
    { factor: 1, cache: 'prefix', confidenceEosEotInf: true },
    { genLength: 32, blockLength: 8 },
  ])('%j leave answers valid', async (methodOptions) => {
    for (const [, constraint, expected] of [kinds[0], kinds[3]]) {
      const options = { ...constraint, maxTokens, methodOptions };
      const { text, finish } = await generate(model, prompts[0], options).result;
      expect(text).toMatch(expected);
      expect(finish).toBe('eos');
    }
  });

  it('that forbid the end are refused', () => {
    const options = { regex: 'a', methodOptions: { logitsEosInf: true } };
    expect(() => generate(model, prompts[0], options)).toThrow(
      expect.objectContaining({ code: 'bad-option' }),
    );
  });
});

it.each(['diffusion', 'renoise'])(
  '%s keeps to it on a canvas of noise behind a causal prompt',
  async (method) => {
    for (const [, constraint, expected] of kinds) {
      const options = { method, ...constraint, maxTokens: 40, methodOptions: { blockLength: 8 } };
      const { text, finish } = await generate(noise, prompts[0], options).result;
      expect(text).toMatch(expected);
      expect(finish).toBe('eos');
    }
  },
);

it.each([0, 1])(
  'lets freedave write what diffusion writes, in fewer forwards, at %d',
  async (temperature) => {
    const options = { schema, maxTokens, temperature, seed: 4 };
    const plain = await generate(model, prompts[0], options).result;
    const drafted = await generate(model, prompts[0], { ...options, method: 'freedave' }).result;
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(drafted.forwards).toBeLessThan(plain.forwards);
  },
);

async function stepsOf(options: GenerateOptions): Promise<Step[]> {
  const steps: Step[] = [];
  for await (const step of generate(model, prompts[0], { maxTokens, ...options })) steps.push(step);
  return steps;
}

describe('what is certain', () => {
  it('takes no forward: a single text', async () => {
    const { text, forwards, committed } = await generate(model, prompts[0], {
      constraint: stringSet(['Tom has 3.']),
    }).result;
    expect([text, forwards]).toEqual(['Tom has 3.', 0]);
    expect(committed.every(({ probability }) => probability === 1)).toBe(true);
  });

  it('stands on the canvas when its place is known', async () => {
    const constraint = templateLanguage('Tom has [integer:1] and [integer:1].');
    const [first, ...rest] = await stepsOf({ constraint });
    const places = new Set(
      [first, ...rest].flatMap(({ committed }) => committed).map(({ position }) => position),
    );
    // The text around two places and the end, and what the first step fills.
    expect(first.committed.length).toBeGreaterThan(places.size - 2);
    expect(rest.length).toBeLessThanOrEqual(1);
  });

  it('is committed together with what makes it certain', async () => {
    const { tokens, forwards } = await generate(model, prompts[0], { schema, maxTokens }).result;
    expect(forwards).toBeLessThan(tokens.length - 8);
  });
});

it('fills a language from left to right, whatever the rule asks for', async () => {
  for (const methodOptions of [{ order: 'random' }, { threshold: 0.3 }, { steps: 3, blockLength: 0 }]) {
    const steps = await stepsOf({ regex: '(?:[a-z]+ ){2,4}', methodOptions });
    const positions = steps.flatMap(({ committed }) => committed.map(({ position }) => position));
    expect(positions).toEqual(positions.map((_, index) => index));
  }
});

describe('a canvas that is too short', () => {
  const refused = (options: GenerateOptions, message: RegExp) =>
    expect(() => generate(model, prompts[0], options)).toThrow(
      expect.objectContaining({ code: 'bad-option', message: expect.stringMatching(message) }),
    );

  it('is refused before the first step', () => {
    refused({ schema, maxTokens: 6 }, /shortest answer takes at least \d+ tokens, the canvas has 6/);
    refused(
      { regex: 'a{30}', maxTokens: 64, methodOptions: { genLength: 16 } },
      /takes at least \d+ tokens, the canvas has 16/,
    );
    refused(
      { constraint: templateLanguage('[word:9]'), maxTokens: 9 },
      /template takes at least 10 tokens, the canvas has 9/,
    );
  });

  it('also by texts that are longer than any memory', () => {
    const doubling = Array.from({ length: 64 }, (_, i) => `r${i} ::= r${i + 1} r${i + 1}\n`).join('');
    refused({ grammar: `root ::= r0\n${doubling}r64 ::= "x"` }, /takes at least \d/);
  });

  it('or a place that no text fills', () => {
    refused(
      { constraint: templateLanguage('[integer:1] and [word:2]{[number:40]'), maxTokens: 30 },
      /takes at least 4\d tokens/,
    );
    const tooWide = {
      compile: regexLanguage('ab').compile,
      parts: [{ place: regexLanguage('ab'), tokens: 3 }],
    };
    refused({ constraint: tooWide }, /no text of 3 tokens/);
  });
});

it('fills a template from left to right where its choices have no common length', async () => {
  const options = { constraint: templateLanguage('So [a|bbbbbbbbbb].'), maxTokens };
  expect((await generate(model, prompts[0], options).result).text).toMatch(/^So (a|b{10})\.$/);
});

const maskId = 0;
const eos = 25;
/** Logits that depend on the letter before, on a canvas as from left to right. */
const bigram = (seed: number, left: number) =>
  Float32Array.from({ length: 26 }, (_, token) =>
    token === maskId ? -1e9 : 2 * normal({ seed, stream: 100 + left, step: 0, position: token }),
  );
const languages = ['b*c', '(?:bc|cd){1,9}', '[b-y]{2,12}', 'hello(?:world)?|b+', '(?:b{3}|c{5})*d'];
const wordOf = (tokens: readonly number[]) => letters.decode(tokens.filter((token) => token !== eos));

describe('random languages', () => {
  it('are kept to by any rule, in any order, wherever an answer has room', async () => {
    const anyRun = fc.record({
      source: fc.constantFrom(...languages),
      genLength: fc.integer({ min: 10, max: 20 }),
      seed: fc.nat(1e6),
      temperature: fc.constantFrom(0, 1),
      methodOptions: fc.record({
        blockLength: fc.constantFrom(0, 5),
        order: fc.constantFrom('low_confidence', 'entropy', 'margin', 'random', 'origin'),
        cfgScale: fc.constantFrom(0, 0, 1),
      }),
    });
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ source, genLength, seed, temperature, methodOptions }) => {
        const length = methodOptions.blockLength === 5 ? 15 : genLength;
        const { run } = await decodeCanvasTokens(diffusion, canvasLanguage(seed, 26, maskId), {
          prompt: [1, 2],
          maskId,
          maxTokens: length,
          eosIds: [eos],
          sampling: { temperature, seed },
          language: regexLanguage(source),
          methodOptions: { genLength: length, ...methodOptions },
        });
        expect(run.finish).toBe('eos');
        expect(wordOf(run.generated)).toMatch(new RegExp(`^(?:${source})$`));
      }),
      { numRuns: 50 },
    );
  });

  it('are written as from left to right by a model that does not look ahead', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...languages), fc.nat(1e6), async (source, seed) => {
        const common = { prompt: [1], eosIds: [eos], maxTokens: 16, language: regexLanguage(source) };
        const causal = await decodeTokens(
          greedy,
          (context) => bigram(seed, context[context.length - 1]),
          common,
        );
        const canvas = await decodeCanvasTokens(
          diffusion,
          (tokens, position) => bigram(seed, tokens[position - 1]),
          { ...common, maskId, methodOptions: { threshold: 2 } },
        );
        expect(wordOf(canvas.run.generated)).toBe(wordOf(causal.run.generated));
      }),
      { numRuns: 50 },
    );
  });
});
