/** Conformance: where answers end, and which prompts are refused. */

import { expect } from 'vitest';
import { QuickstepError } from '../../errors.ts';
import { type GenerateOptions, generate, type Prompt, type Result } from '../generate.ts';
import type { LogitsProcessor } from '../sampling/processors.ts';
import { type ConformanceCase, type Subject, shortContext } from './conformance.ts';
import { prompts } from './models.ts';

const maxTokens = 40;

/** The answer; its text is checked against the steps. */
async function run(subject: Subject, prompt: Prompt, extra: GenerateOptions): Promise<Result> {
  const generation = generate(subject.model, prompt, { ...subject.options, ...extra });
  let text = '';
  for await (const step of generation) text += step.text;
  const result = await generation.result;
  expect(text).toBe(result.text);
  return result;
}

/** BOS and ordinary tokens. */
const tokensOf = (count: number) => ({ tokens: Array.from({ length: count }, (_, i) => (i ? 260 + i : 1)) });

/** The error a refused prompt gives, wherever it is raised. */
async function refusal(start: () => Promise<unknown>): Promise<unknown> {
  try {
    await start();
  } catch (error) {
    return error;
  }
  throw new Error('the prompt was not refused');
}

function expectCode(error: unknown, code: QuickstepError['code']): void {
  expect(QuickstepError.isInstance(error)).toBe(true);
  expect((error as QuickstepError).code).toBe(code);
  expect((error as QuickstepError).hint).not.toBe('');
}

/** What the text would be without a stop string, up to `stop`. */
const cut = (text: string, stop: string) => text.slice(0, text.indexOf(stop));

export const limitCases: readonly ConformanceCase[] = [
  {
    name: 'ends at once at an end token',
    run: async (subject) => {
      const [eos] = subject.model.eosIds;
      const only: LogitsProcessor = (logits) => {
        logits.fill(Number.NEGATIVE_INFINITY);
        logits[eos] = 0;
      };
      const result = await run(subject, prompts[0], { maxTokens, processors: [only] });
      expect(result).toMatchObject({ finish: 'eos', tokens: [eos], text: '', forwards: 1 });
    },
  },
  {
    name: 'goes on past end tokens when they are ignored',
    run: async (subject) => {
      const [eos] = subject.model.eosIds;
      const options = { maxTokens: 5, logitBias: { [eos]: 100 }, ignoreEos: true };
      const result = await run(subject, prompts[0], options);
      expect(result).toMatchObject({ finish: 'length', tokens: [eos, eos, eos, eos, eos], text: '' });
    },
  },
  {
    name: 'keeps end tokens away until minTokens',
    run: async (subject) => {
      const [eos] = subject.model.eosIds;
      const options = { maxTokens, minTokens: 6, logitBias: { [eos]: 100 } };
      const { finish, tokens } = await run(subject, prompts[0], options);
      expect(finish).toBe('eos');
      expect(tokens).toHaveLength(7);
      expect(tokens.indexOf(eos)).toBe(6);
    },
  },
  {
    name: 'writes nothing for no tokens',
    run: async (subject) => {
      const result = await run(subject, prompts[0], { maxTokens: 0 });
      expect(result).toMatchObject({ finish: 'length', tokens: [], text: '', forwards: 0, steps: 1 });
    },
  },
  {
    name: 'writes one token in one forward',
    run: async (subject) => {
      const result = await run(subject, prompts[0], { maxTokens: 1, ignoreEos: true });
      expect(result).toMatchObject({ finish: 'length', forwards: 1 });
      expect(result.tokens).toHaveLength(1);
    },
  },
  {
    name: 'writes exactly the tokens asked for',
    run: async (subject) => {
      for (const count of [2, 3, 7, 16, 17]) {
        const result = await run(subject, prompts[1], { maxTokens: count, ignoreEos: true });
        expect(result.finish).toBe('length');
        expect(result.tokens).toHaveLength(count);
        expect(result.forwards).toBeLessThanOrEqual(count);
      }
    },
  },
  {
    name: 'refuses an empty prompt',
    run: async ({ model, options }) => {
      const error = await refusal(() => generate(model, { tokens: [] }, options).result);
      expectCode(error, 'bad-input');
    },
  },
  {
    name: 'answers a prompt of one token',
    run: async (subject) => {
      const result = await run(subject, tokensOf(1), { maxTokens: 8, ignoreEos: true });
      expect(result.tokens).toHaveLength(8);
      expect(result.promptTokens).toBe(1);
    },
  },
  {
    name: 'refuses a token outside the vocabulary',
    run: async ({ model, options }) => {
      for (const token of [-1, model.config.vocabSize]) {
        const error = await refusal(() => generate(model, { tokens: [1, token] }, options).result);
        expectCode(error, 'bad-input');
      }
    },
  },
  {
    name: 'writes nothing after a prompt that fills the context',
    run: async ({ short, options }) => {
      const result = await generate(short, tokensOf(shortContext), options).result;
      expect(result).toMatchObject({ finish: 'context', tokens: [], text: '' });
    },
  },
  {
    name: 'refuses a prompt one token longer than the context',
    run: async ({ short, options }) => {
      const error = await refusal(() => generate(short, tokensOf(shortContext + 1), options).result);
      expectCode(error, 'bad-input');
      expect(String(error)).toContain(String(shortContext));
    },
  },
  {
    name: 'ends where the context ends, whatever was drafted',
    run: async (subject) => {
      for (const free of [1, 2, 5, 9]) {
        const prompt = tokensOf(shortContext - free);
        const repeated = { tokens: prompt.tokens.map((token, i) => (i % 4 ? 260 + (i % 4) : token)) };
        const result = await run({ ...subject, model: subject.short }, repeated, { ignoreEos: true });
        expect(result.finish).toBe('context');
        expect(result.tokens).toHaveLength(free);
      }
    },
  },
  {
    name: 'leaves a stop string and what follows it out of the text',
    run: async (subject) => {
      for (const prompt of prompts.slice(0, 2)) {
        const free = await run(subject, prompt, { maxTokens });
        const pieces = free.tokens.map((token) =>
          subject.model.tokenizer.decode([token], { continues: true }),
        );
        // From the middle of one token to the middle of the next.
        for (const at of [1, 4, 9]) {
          const start = pieces.slice(0, at).join('').length - 1;
          const stop = free.text.slice(start, start + 3);
          if (stop.length === 0) continue;
          const { text, finish, tokens } = await run(subject, prompt, { maxTokens, stop: ['@@', stop] });
          expect(text).not.toContain(stop);
          if (subject.method.guarantee === 'lossless') expect(finish).toBe('stop');
          if (finish !== 'stop') continue;
          const written = subject.model.tokenizer.decode(tokens, { continues: true });
          expect(text).toBe(cut(written, stop));
          if (subject.method.guarantee === 'lossless') expect(text).toBe(cut(free.text, stop));
        }
      }
    },
  },
  {
    name: 'is not stopped by half a stop string',
    about: ({ method }) => method.guarantee === 'lossless',
    run: async (subject) => {
      const free = await run(subject, prompts[0], { maxTokens });
      const stop = `${free.text.slice(5, 12)}§`;
      const result = await run(subject, prompts[0], { maxTokens, stop: [stop] });
      expect(result.text).toBe(free.text);
      expect(result.finish).toBe(free.finish);
    },
  },
];
