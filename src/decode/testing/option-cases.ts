/** Conformance: every option is known, described and checked, and what a model lacks is said before the first step. */

import { expect, vi } from 'vitest';
import type { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import { type GenerateOptions, generate, limitOptions } from '../generate.ts';
import { samplingOptions } from '../sampling/options.ts';
import type { ConformanceCase, Subject } from './conformance.ts';
import { prompts } from './models.ts';

/** Checks that `options` are refused by a message that names `name`, before anything runs. */
function refused(subject: Subject, name: string, code: QuickstepError['code'], options: GenerateOptions) {
  const forward = vi.spyOn(subject.model, 'forwardLanes');
  let error: unknown;
  try {
    generate(subject.model, prompts[0], { ...subject.options, ...options });
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(QuickstepError);
  const { code: actual, message, hint } = error as QuickstepError;
  expect(actual).toBe(code);
  expect(message).toContain(name);
  expect(hint).not.toBe('');
  expect(forward).not.toHaveBeenCalled();
  forward.mockRestore();
}

/** Values of which any option refuses most. */
const oddValues = [-1e9, 1e9, 0.5, Number.NaN, 'no value of any option', true, null, {}, []];

export const optionCases: readonly ConformanceCase[] = [
  {
    name: 'refuses an unknown option by name',
    run: (subject) => {
      refused(subject, 'beems', 'bad-option', { ['beems' as string]: 4 });
      refused(subject, 'ngramMux', 'bad-option', { methodOptions: { ngramMux: 4 } });
    },
  },
  {
    name: 'refuses values outside the range of its options by name',
    run: (subject) => {
      for (const [name, schema] of Object.entries(subject.method.options.shape) as [string, z.ZodType][]) {
        const wrong = oddValues.filter((value) => !schema.safeParse(value).success);
        expect(wrong.length).toBeGreaterThan(0);
        for (const value of wrong) refused(subject, name, 'bad-option', { methodOptions: { [name]: value } });
      }
    },
  },
  {
    name: 'refuses limits and sampling options outside their range by name',
    run: (subject) => {
      refused(subject, 'maxTokens', 'bad-option', { maxTokens: -1 });
      refused(subject, 'stop', 'bad-option', { stop: [''] });
      refused(subject, 'topP', 'bad-option', { topP: 2 });
      refused(subject, 'temperature', 'bad-option', { temperature: Number.NaN });
    },
  },
  {
    name: 'refuses a temperature it makes no sense at',
    about: ({ method }) => method.sampling !== 'any',
    run: (subject) => {
      const temperature = subject.method.sampling === 'greedy' ? 1 : 0;
      refused(subject, subject.method.slug, 'bad-option', { temperature });
    },
  },
  {
    name: 'says what the model lacks before the first step',
    run: (subject) => {
      const method = { ...subject.method, needs: [...subject.method.needs, 'extra-heads'] as const };
      refused(subject, 'extra-heads', 'unsupported', { method });
    },
  },
  {
    name: 'has options that are described, have a default, and share no name with the options of all methods',
    run: ({ method }) => {
      const common = [...Object.keys(samplingOptions.shape), ...Object.keys(limitOptions.shape)];
      for (const [name, schema] of Object.entries(method.options.shape) as [string, z.ZodType][]) {
        expect(schema.description, name).toMatch(/\S.*\.$/);
        expect(common).not.toContain(name);
      }
      expect(method.options.safeParse({}).success).toBe(true);
      expect(method.summary).toMatch(/\.$/);
    },
  },
];
