/**
 * What is known of each keyword of JSON Schema, by example: documents that the language of a schema must hold and must
 * not hold. The tests run these; the table of docs/constrained.md is made of them. Test support.
 */

import { formats, numberFormats } from '../json-schema/formats.ts';

export interface KeywordCase {
  keyword: string;
  /** What goes beyond or falls short of the keyword's definition. */
  note?: string;
  schema: Record<string, unknown>;
  inside: unknown[];
  outside: unknown[];
}

const string = { type: 'string' };
const integer = { type: 'integer' };

export const keywordCases: readonly KeywordCase[] = [
  {
    keyword: 'type',
    schema: { type: ['integer', 'null'] },
    inside: [0, -12, null],
    outside: [1.5, '1', true, []],
  },
  {
    keyword: 'enum',
    schema: { enum: ['a"b', 1, null, { a: [1] }] },
    inside: ['a"b', 1, null, { a: [1] }],
    outside: ['a', 2, {}],
  },
  { keyword: 'const', schema: { const: [1, 'x'] }, inside: [[1, 'x']], outside: [[1], 1] },
  {
    keyword: 'minimum',
    schema: { type: 'number', minimum: -1.5 },
    inside: [-1.5, -1.49, 0, 7.25, 100],
    outside: [-1.51, -2, -10],
  },
  {
    keyword: 'maximum',
    schema: { ...integer, maximum: 120 },
    inside: [120, 119, 99, 0, -5000],
    outside: [121, 130, 1000],
  },
  {
    keyword: 'exclusiveMinimum',
    schema: { type: 'number', exclusiveMinimum: 0 },
    inside: [0.001, 1, 55.5],
    outside: [0, -1],
  },
  {
    keyword: 'exclusiveMaximum',
    schema: { type: 'number', exclusiveMaximum: 10.25 },
    inside: [10.249, 10.2, 10, -3],
    outside: [10.25, 10.3, 11],
  },
  {
    keyword: 'multipleOf',
    note: 'of whole numbers up to 2,000',
    schema: { ...integer, multipleOf: 7 },
    inside: [0, 7, 49, -14, 7000007],
    outside: [1, 8, 71],
  },
  {
    keyword: 'minLength',
    schema: { ...string, minLength: 2 },
    inside: ['ab', '😀é', 'abc'],
    outside: ['', '😀'],
  },
  { keyword: 'maxLength', schema: { ...string, maxLength: 60000 }, inside: ['', 'abc'], outside: [1] },
  {
    keyword: 'pattern',
    note: 'as regular expressions, see there',
    schema: { ...string, pattern: '^"[^"]{2}|\\d$' },
    inside: ['"ab', 'x1', '"ab rest'],
    outside: ['', '"a"', '1x'],
  },
  {
    keyword: 'format',
    note: `${[...Object.keys(formats), ...Object.keys(numberFormats)].join(', ')}`,
    schema: { ...string, format: 'date' },
    inside: ['2024-02-29', '1999-12-31'],
    outside: ['2023-02-29', '2024-13-01', ''],
  },
  {
    keyword: 'items',
    schema: { type: 'array', items: integer },
    inside: [[], [1], [1, 2, 3]],
    outside: [['a'], [1, null]],
  },
  {
    keyword: 'prefixItems',
    note: 'nothing behind them without items',
    schema: { type: 'array', prefixItems: [string, integer], items: { type: 'null' } },
    inside: [[], ['a'], ['a', 1], ['a', 1, null]],
    outside: [[1], ['a', 1, 2]],
  },
  {
    keyword: 'minItems',
    schema: { type: 'array', items: integer, minItems: 2 },
    inside: [
      [1, 2],
      [1, 2, 3],
    ],
    outside: [[], [1]],
  },
  {
    keyword: 'maxItems',
    schema: { type: 'array', items: integer, maxItems: 2 },
    inside: [[], [1, 2]],
    outside: [[1, 2, 3]],
  },
  {
    keyword: 'properties',
    note: 'in this order; others stay out unless additionalProperties says so',
    schema: { type: 'object', properties: { a: integer, b: string } },
    inside: [{}, { a: 1 }, { b: 'x' }, { a: 1, b: '' }],
    outside: [{ a: 'x' }, { b: 1 }, []],
  },
  {
    keyword: 'required',
    schema: { type: 'object', properties: { a: integer, b: string }, required: ['b'] },
    inside: [{ b: 'x' }, { a: 1, b: '' }],
    outside: [{}, { a: 1 }],
  },
  {
    keyword: 'additionalProperties',
    note: 'behind the named ones',
    schema: { type: 'object', properties: { a: integer }, additionalProperties: { type: 'boolean' } },
    inside: [{}, { a: 1, x: true }, { x: true, y: false }],
    outside: [{ a: true }, { x: 1 }],
  },
  {
    keyword: 'patternProperties',
    note: 'up to four patterns',
    schema: { type: 'object', patternProperties: { '^n': integer, s$: { maximum: 9 } } },
    inside: [{ n: 10 }, { s: 9 }, { ns: 9, n: 12 }],
    outside: [{ n: 'x' }, { s: 10 }, { ns: 10 }],
  },
  {
    keyword: 'propertyNames',
    schema: { type: 'object', propertyNames: { pattern: '^[ab]+$' }, additionalProperties: integer },
    inside: [{}, { ab: 1 }, { a: 1, b: 2 }],
    outside: [{ c: 1 }],
  },
  {
    keyword: 'minProperties',
    note: 'with properties of any name: one more than are required',
    schema: { type: 'object', properties: { a: integer, b: integer, c: integer }, minProperties: 2 },
    inside: [
      { a: 1, c: 1 },
      { b: 0, c: 2 },
      { a: 1, b: 1, c: 1 },
    ],
    outside: [{}, { b: 1 }],
  },
  {
    keyword: 'maxProperties',
    schema: { type: 'object', properties: { a: integer, b: integer, c: integer }, maxProperties: 1 },
    inside: [{}, { c: 1 }],
    outside: [{ a: 1, c: 1 }],
  },
  {
    keyword: '$ref',
    note: 'within the document',
    schema: {
      $defs: {
        tree: { type: 'object', properties: { l: { $ref: '#/$defs/tree' }, v: integer }, required: ['v'] },
      },
      $ref: '#/$defs/tree',
    },
    inside: [{ v: 1 }, { l: { l: { v: 1 }, v: 2 }, v: 3 }],
    outside: [{}, { l: {}, v: 1 }],
  },
  {
    keyword: 'allOf',
    schema: {
      allOf: [
        { properties: { a: integer }, required: ['a'] },
        { properties: { a: { minimum: 3 }, b: string } },
      ],
    },
    inside: [{ a: 3 }, { a: 4, b: 'x' }],
    outside: [{ a: 2 }, {}],
  },
  {
    keyword: 'anyOf',
    schema: {
      type: 'object',
      properties: { a: integer, b: integer },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    inside: [{ a: 1 }, { b: 1 }, { a: 1, b: 2 }],
    outside: [{}],
  },
  {
    keyword: 'oneOf',
    note: 'overlaps are taken out as `not` takes them',
    schema: {
      oneOf: [
        { ...integer, minimum: 0, maximum: 10 },
        { ...integer, minimum: 5, maximum: 20 },
      ],
    },
    inside: [0, 4, 11, 20],
    outside: [5, 10, 21],
  },
  {
    keyword: 'not',
    note: 'of type, enum, const, bounds, lengths, counts, pattern, required, properties and combinations of them',
    schema: { ...string, not: { enum: ['no', 'nein'] }, maxLength: 5 },
    inside: ['', 'yes', 'ne'],
    outside: ['no', 'nein'],
  },
  {
    keyword: 'if',
    note: 'with then and else; the condition as `not` takes it',
    schema: {
      type: 'object',
      properties: { kind: { enum: ['x', 'y'] }, v: integer },
      required: ['kind'],
      if: { properties: { kind: { const: 'x' } } },
      // biome-ignore lint/suspicious/noThenProperty: the keyword's name
      then: { required: ['v'] },
    },
    inside: [{ kind: 'x', v: 1 }, { kind: 'y' }],
    outside: [{ kind: 'x' }, {}],
  },
  {
    keyword: 'dependentRequired',
    schema: { type: 'object', properties: { a: integer, b: integer }, dependentRequired: { a: ['b'] } },
    inside: [{}, { b: 1 }, { a: 1, b: 2 }],
    outside: [{ a: 1 }],
  },
  {
    keyword: 'dependentSchemas',
    schema: {
      type: 'object',
      properties: { a: integer, b: integer },
      dependentSchemas: { a: { properties: { b: { minimum: 5 } } } },
    },
    inside: [{ b: 1 }, { a: 1 }, { a: 1, b: 5 }],
    outside: [{ a: 1, b: 4 }],
  },
  {
    keyword: 'dependencies',
    schema: { type: 'object', properties: { a: integer, b: integer }, dependencies: { a: ['b'] } },
    inside: [{}, { a: 1, b: 2 }],
    outside: [{ a: 1 }],
  },
  {
    keyword: 'uniqueItems',
    note: 'only `false`',
    schema: { type: 'array', items: integer, uniqueItems: false },
    inside: [[1, 1]],
    outside: ['x'],
  },
];

/** Schemas that must be refused by a message that names the keyword. */
export const refusedCases: readonly { keyword: string; schema: Record<string, unknown> }[] = [
  { keyword: 'uniqueItems', schema: { type: 'array', uniqueItems: true } },
  { keyword: 'contains', schema: { type: 'array', contains: integer } },
  { keyword: 'unevaluatedProperties', schema: { type: 'object', unevaluatedProperties: false } },
  { keyword: 'unevaluatedItems', schema: { type: 'array', unevaluatedItems: false } },
  { keyword: '$dynamicRef', schema: { $dynamicRef: '#a' } },
  { keyword: '$dynamicAnchor', schema: { $dynamicAnchor: 'a' } },
  { keyword: '$recursiveRef', schema: { $recursiveRef: '#' } },
  { keyword: '$recursiveAnchor', schema: { $recursiveAnchor: true } },
  { keyword: 'multipleOf', schema: { type: 'number', multipleOf: 0.01 } },
  { keyword: 'format', schema: { ...string, format: 'idn-email' } },
  { keyword: '$ref', schema: { $ref: 'https://example.com/other.json' } },
  { keyword: 'items', schema: { not: { items: integer } } },
];

/** The table of the documentation. */
export function coverageTable(): string {
  const rows = keywordCases.map(({ keyword, note = '', inside, outside }) => {
    return `| \`${keyword}\` | ${note} | ${inside.length} in, ${outside.length} out |`;
  });
  return ['| keyword | how far | documents tested |', '|---|---|---|', ...rows].join('\n');
}
