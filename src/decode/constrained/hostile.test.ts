/**
 * Constraints that are meant to hurt: each ends in masks or in an error that says why, in bounded time and memory. Those of single
 * front ends are in their own tests.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { loadStories } from '../testing/models.ts';
import { gbnfLanguage } from './gbnf/gbnf.ts';
import { jsonSchemaLanguage } from './json-schema/compile.ts';
import type { Language } from './language.ts';
import { regexLanguage } from './regex/regex.ts';
import { allows, TokenConstraint } from './token-constraint.ts';
import { Vocabulary } from './vocabulary.ts';

let model: LanguageModel;
let vocabulary: Vocabulary;
beforeAll(async () => {
  model = await loadStories('w8a8');
  vocabulary = new Vocabulary(model.tokenizer, model.eosIds);
});
afterAll(() => model?.[Symbol.asyncDispose]());

const maxSteps = 30;

/** Masks along one legal way; how it ended. */
function walk(make: () => Language): string {
  let state = new TokenConstraint(make(), vocabulary).start();
  for (let step = 0; step < maxSteps; step++) {
    const mask = state.mask(maxSteps - step);
    const legal = Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => allows(mask, id));
    if (legal.length === 0) return 'dead end';
    const next = state.advance(legal[(step * 7919) % legal.length]);
    if (!next) break;
    state = next;
  }
  return 'masks';
}

const outcome = (make: () => Language): string => {
  try {
    return walk(make);
  } catch (error) {
    expect(error).toMatchObject({ name: 'QuickstepError', hint: expect.stringMatching(/./) });
    return (error as { code: string }).code;
  }
};

const each = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));
const rules = (count: number, body: (i: number) => string, last: string) =>
  ['root ::= r0', ...each(count, (i) => `r${i} ::= ${body(i)}`), `r${count} ::= ${last}`].join('\n');
const nest = (count: number, around: (inner: unknown) => unknown, innermost: unknown): unknown =>
  count === 0 ? innermost : around(nest(count - 1, around, innermost));
const optional = (count: number) => ({
  type: 'object',
  properties: Object.fromEntries(each(count, (i) => [`property${i}`, { type: 'null' }])),
});

describe.each<[string, Record<string, [outcome: string, make: () => Language]>]>([
  [
    'a regular expression',
    {
      'nested repetition': ['masks', () => regexLanguage('(?:a+)+(?:a*a*)*b')],
      'a tower of counts': ['masks', () => regexLanguage('(((a{1,1000}){1,1000}){1,1000}){1,1000}')],
      'a count beyond reason': ['bad-option', () => regexLanguage('a{999999999}')],
      'the letter 500 from the end': ['masks', () => regexLanguage('[ab]*a[ab]{500}c')],
      'counts that overlap': ['masks', () => regexLanguage('(?:a{1,50}b?){1,50}(?:a?b{1,50}){1,50}c')],
      'lookaheads without end': [
        'bad-option',
        () => regexLanguage(`${each(9, (i) => `(?=.*${i})`).join('')}.{9,40}`),
      ],
      'many groups in each other': [
        'bad-option',
        () => regexLanguage(`${'('.repeat(9_999)}a${')'.repeat(9_999)}`),
      ],
      'nothing behind a lookahead': ['bad-option', () => regexLanguage('a(?!)b')],
    },
  ],
  [
    'a grammar',
    {
      'with hidden left recursion': [
        'masks',
        () => gbnfLanguage('root ::= e root "x" | "y"\ne ::= "" | e e | "z"'),
      ],
      'that goes in circles': [
        'masks',
        () => gbnfLanguage('root ::= root | a\na ::= root | b | "a"\nb ::= a | root'),
      ],
      'of many readings': ['masks', () => gbnfLanguage('root ::= root root root | root root | "a" | "aa"')],
      'of infinite texts only': [
        'bad-option',
        () => gbnfLanguage('root ::= a\na ::= "x" b\nb ::= "y" a | [a-z] a'),
      ],
      'whose texts have 2^64 bytes': [
        'masks',
        () => gbnfLanguage(rules(64, (i) => `r${i + 1} r${i + 1}`, '"q"')),
      ],
      'of 2^64 empty readings': [
        'masks',
        () => gbnfLanguage(rules(64, (i) => `r${i + 1} r${i + 1}`, '"q"?')),
      ],
      'of counts in counts': [
        'masks',
        () => gbnfLanguage('root ::= ((([a-z]{0,100}){0,100}){0,100}){0,100} "."'),
      ],
    },
  ],
  [
    'a schema',
    {
      'of references in a circle': [
        'bad-option',
        () =>
          jsonSchemaLanguage({
            $ref: '#/$defs/a',
            $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } },
          }),
      ],
      'of references in a circle of combinations': [
        'bad-option',
        () => jsonSchemaLanguage({ allOf: [{ anyOf: [{ $ref: '#' }, { oneOf: [{ $ref: '#' }] }] }] }),
      ],
      'that denies itself': [
        'bad-option',
        () => jsonSchemaLanguage({ $defs: { a: { not: { $ref: '#/$defs/a' } } }, $ref: '#/$defs/a' }),
      ],
      'of 2^40 references': [
        'masks',
        () =>
          jsonSchemaLanguage({
            $ref: '#/$defs/d0',
            $defs: Object.fromEntries([
              ...each(40, (i) => {
                const next = { $ref: `#/$defs/d${i + 1}` };
                return [`d${i}`, { type: 'array', prefixItems: [next, next], minItems: 2 }];
              }),
              ['d40', { type: 'null' }],
            ]),
          }),
      ],
      'of 2^40 negated references': [
        'masks',
        () =>
          jsonSchemaLanguage({
            not: { $ref: '#/$defs/d0' },
            $defs: Object.fromEntries([
              ...each(40, (i) => {
                const next = { $ref: `#/$defs/d${i + 1}` };
                return [`d${i}`, { anyOf: [next, next] }];
              }),
              ['d40', { type: 'string' }],
            ]),
          }),
      ],
      'of 100,000 schemas that must all hold': [
        'bad-option',
        () => jsonSchemaLanguage({ allOf: each(100_000, (i) => ({ properties: { [`p${i}`]: {} } })) }),
      ],
      'of 100,000 schemas of which one must hold': [
        'bad-option',
        () => jsonSchemaLanguage({ oneOf: each(100_000, (i) => ({ const: i })) }),
      ],
      'of a value of 5,000 arrays in each other': [
        'bad-option',
        () => jsonSchemaLanguage({ enum: [nest(5_000, (inner) => [inner], 1)] }),
      ],
      'of 2^30 cases': [
        'bad-option',
        () =>
          jsonSchemaLanguage({
            allOf: each(30, (i) => ({ anyOf: [{ minimum: i }, { multipleOf: i + 2 }] })),
          }),
      ],
      'of a billion items': ['masks', () => jsonSchemaLanguage({ type: 'array', minItems: 1e9 })],
      'of a billion characters': ['masks', () => jsonSchemaLanguage({ type: 'string', minLength: 1e9 })],
      'of 50,000 values': ['masks', () => jsonSchemaLanguage({ enum: each(50_000, (i) => `text ${i}`) })],
      'of 50,000 values that must match': [
        'masks',
        () => jsonSchemaLanguage({ enum: each(50_000, (i) => `text ${i}`), pattern: '^[a-z]+ \\d+$' }),
      ],
      'of a value of 150,000 characters': [
        'masks',
        () => jsonSchemaLanguage({ const: ['x'.repeat(150_000)] }),
      ],
      'of 300,000 alternatives': [
        'bad-option',
        () => jsonSchemaLanguage({ anyOf: each(300_000, () => true) }),
      ],
      'of 1,900 properties that may be there': ['masks', () => jsonSchemaLanguage(optional(1_900))],
      'of 50,000 properties that may be there': ['unsupported', () => jsonSchemaLanguage(optional(50_000))],
      'of negations in each other': [
        'bad-option',
        () => jsonSchemaLanguage(nest(2_000, (not) => ({ not }), { type: 'string' })),
      ],
      'with names of an object of JavaScript': [
        'masks',
        () =>
          jsonSchemaLanguage(
            JSON.parse('{"type":"object","properties":{"__proto__":{"const":1}},"required":["__proto__"]}'),
          ),
      ],
    },
  ],
])('%s', (_, cases) => {
  it.each(Object.entries(cases))('%s', (_name, [expected, make]) => {
    expect(outcome(make)).toBe(expected);
  });
});
