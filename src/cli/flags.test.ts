import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { limitOptions } from '../decode/generate.ts';
import { methods } from '../decode/registry.ts';
import { samplingOptions } from '../decode/sampling/options.ts';
import { commonOptions } from './command.ts';
import { flagInput, flagsOf, kebabCase } from './flags.ts';
import { modelOptions } from './load-model.ts';
import { promptOptions } from './prompt.ts';

const schema = z.strictObject({
  topShare: z.number().min(0).max(1).default(0.5).describe('A share.'),
  rounds: z.int().min(1).optional(),
  factor: z.number().positive().default(2),
  fast: z.boolean().default(false),
  mode: z.enum(['one', 'two']).default('one'),
  path: z.string().optional().meta({ value: 'path', description: 'A file.' }),
  words: z.array(z.string()).default([]),
  weights: z.record(z.string(), z.number()).optional(),
});
const flag = (name: string) => flagsOf(schema).find((candidate) => candidate.name === name)!;

describe('flags out of a schema', () => {
  it('takes names, kinds, placeholders, ranges and defaults from it', () => {
    expect(flagsOf(schema).map(({ name, kind, value, range }) => [name, kind, value, range])).toEqual([
      ['top-share', 'number', 'number', '0 to 1'],
      ['rounds', 'number', 'number', '1 or more'],
      ['factor', 'number', 'number', 'above 0'],
      ['fast', 'boolean', '', ''],
      ['mode', 'text', 'one|two', ''],
      ['path', 'text', 'path', ''],
      ['words', 'array', 'text', ''],
      ['weights', 'record', 'id=value', ''],
    ]);
    expect(flag('top-share')).toMatchObject({ key: 'topShare', default: 0.5, description: 'A share.' });
    expect(flag('path').description).toBe('A file.');
    expect(flag('rounds').default).toBeUndefined();
  });

  it('writes keys in kebab case', () => {
    expect(['minP', 'ignoreEos', 'seed'].map(kebabCase)).toEqual(['min-p', 'ignore-eos', 'seed']);
  });

  it('reads values by kind, the last one of a single value', () => {
    expect(flagInput(flag('factor'), ['1', '-2.5e1'])).toBe(-25);
    expect(flagInput(flag('mode'), ['two'])).toBe('two');
    expect(flagInput(flag('fast'), [true])).toBe(true);
    expect(flagInput(flag('fast'), ['false'])).toBe(false);
    expect(flagInput(flag('words'), ['a', 'b c'])).toEqual(['a', 'b c']);
    expect(flagInput(flag('weights'), ['17=-100', '42=-Infinity'])).toEqual({ 17: -100, 42: -Infinity });
  });

  it.each([
    ['factor', 'ten'],
    ['factor', ''],
    ['factor', '1x'],
    ['weights', '17'],
    ['weights', '17=a'],
    ['weights', '1=2=3'],
    ['fast', 'yes'],
  ])('refuses --%s %j by name', (name, text) => {
    expect(() => flagInput(flag(name), [text])).toThrow(
      expect.objectContaining({ code: 'bad-option', message: expect.stringContaining(`--${name}`) }),
    );
  });

  it('describes every option of every command and method', () => {
    const schemas = [samplingOptions, limitOptions, modelOptions, promptOptions, commonOptions];
    for (const each of [...schemas, ...[...methods.values()].map(({ options }) => options)]) {
      for (const { name, description } of flagsOf(each)) expect(description, name).toMatch(/\w.*\.$/);
    }
  });

  it('gives no method option the name of another option', () => {
    const shared = [samplingOptions, limitOptions, modelOptions, promptOptions, commonOptions];
    const taken = shared.flatMap(flagsOf).map(({ name }) => name);
    expect(new Set(taken).size).toBe(taken.length);
    for (const { slug, options } of methods.values()) {
      for (const { name } of flagsOf(options)) expect(taken, `${slug} --${name}`).not.toContain(name);
    }
  });
});
