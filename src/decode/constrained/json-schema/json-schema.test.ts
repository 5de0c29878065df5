import { readFileSync } from 'node:fs';
import { Ajv, type AnySchema } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formatsPlugin from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyCodePoint, codePoints } from '../automaton/code-points.ts';
import { coverageTable, keywordCases, refusedCases } from '../testing/keyword-cases.ts';
import { randomText } from '../testing/random-text.ts';
import { follow, matcher } from '../testing/read-bytes.ts';
import { jsonSchemaLanguage } from './compile.ts';
import { formats } from './formats.ts';
import { valueKeywords } from './keywords.ts';
import { combiningKeywords, unsupportedKeywords } from './reader.ts';

/** The judge: whether documents are valid. */
function judge(schema: unknown, draft7 = false): (document: unknown) => boolean {
  const ajv = new (draft7 ? Ajv : Ajv2020)({ strict: false, ownProperties: true, logger: false });
  formatsPlugin.default(ajv);
  const validate = ajv.compile(schema as AnySchema);
  return (document) => validate(document) === true;
}

describe.each(keywordCases)('$keyword', ({ schema, inside, outside }) => {
  it('lets valid documents be written, and no others', () => {
    const isValid = judge(schema, 'dependencies' in schema);
    const matches = matcher(jsonSchemaLanguage(schema));
    for (const document of inside) {
      expect([document, isValid(document)]).toEqual([document, true]);
      expect([document, matches(JSON.stringify(document))]).toEqual([document, true]);
    }
    for (const document of outside)
      expect([document, matches(JSON.stringify(document))]).toEqual([document, false]);
  });

  it('holds valid documents only, whatever a model writes', () => {
    const isValid = judge(schema, 'dependencies' in schema);
    const start = jsonSchemaLanguage(schema).compile(anyCodePoint);
    for (let seed = 0; seed < 60; seed++) {
      const text = randomText(start, seed, 10 + seed);
      expect([text, isValid(JSON.parse(text))]).toEqual([text, true]);
    }
  });
});

describe('keywords', () => {
  it('that are not supported are refused by name', () => {
    for (const { keyword, schema } of refusedCases) {
      expect(() => jsonSchemaLanguage(schema).compile(anyCodePoint), keyword).toThrow(
        expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(keyword) }),
      );
    }
  });

  it('are all tested, and listed in the documentation', () => {
    const tested = new Set(keywordCases.map(({ keyword }) => keyword));
    for (const keyword of [...valueKeywords, ...combiningKeywords])
      expect([keyword, tested.has(keyword)]).toEqual([keyword, true]);
    const refused = new Set(refusedCases.map(({ keyword }) => keyword));
    for (const keyword of unsupportedKeywords)
      expect([keyword, refused.has(keyword)]).toEqual([keyword, true]);
    const page = readFileSync(new URL('../../../../docs/constrained.md', import.meta.url), 'utf8');
    expect(page).toContain(coverageTable());
  });

  it('that are malformed are refused with their place', () => {
    for (const schema of [
      { type: 'strin' },
      { properties: { a: 3 } },
      { minLength: -1 },
      { $ref: '#/$defs/x' },
      { anyOf: {} },
      { required: 'a' },
      { $ref: '#/%' },
      { dependentRequired: null },
      { dependentRequired: { a: [5] } },
      { dependentSchemas: { a: 5 } },
      { const: Array.from({ length: 2_000 }).reduce((inner) => [inner], 1) },
    ]) {
      expect(() => jsonSchemaLanguage(schema).compile(anyCodePoint)).toThrow(
        expect.objectContaining({ code: 'bad-option', message: expect.stringContaining('#') }),
      );
    }
  });
});

describe('what a schema says in an unusual way', () => {
  const names = (...list: string[]) => Object.fromEntries(list.map((name) => [name, { const: name }]));
  it.each<[string, unknown, valid: string[], invalid: string[]]>([
    [
      'listed objects with demands on their properties, by count',
      { enum: [1, { a: 1 }, { a: 1, b: 2 }], not: { minProperties: 2 } },
      [],
      ['{"a":1,"b":2}'],
    ],
    ['by least count', { enum: [1, { a: 1 }], minProperties: 2 }, [], ['{"a":1}']],
    ['by absence', { enum: [{ a: 1 }, { b: 1 }], not: { required: ['a'] } }, [], ['{"a":1}']],
    ['by name', { enum: [{ a: 1 }], propertyNames: { const: 'b' } }, [], ['{"a":1}']],
    ['more items than there may be', { prefixItems: [true, true], minItems: 3, maxItems: 2 }, [], ['[1,2]']],
    ['listed numbers of a format', { enum: [1.5, 2], format: 'int32' }, ['2'], ['1.5']],
    ['a format named as members of objects are', { type: 'number', format: 'constructor' }, ['1.5'], []],
    [
      'names of which one is the other and a sign',
      {
        type: 'object',
        properties: { k: { enum: [0, 1] } },
        required: ['k'],
        oneOf: [
          { properties: names('a', 'a!'), required: ['a!'] },
          { properties: { a: { const: 'x' } }, required: ['a'] },
        ],
      },
      ['{"k":0,"a":"a","a!":"a!"}', '{"k":0,"a":"x"}'],
      ['{"k":0,"a":"a","a!":"b"}', '{"k":0,"a":"a"}'],
    ],
    [
      'names that look like the places of others',
      {
        type: 'object',
        properties: { x: { type: 'string' } },
        patternProperties: {
          '^x': { maxLength: 3 },
          '^x #': { type: 'object', properties: { x: { type: 'integer' } } },
        },
      },
      ['{"x":"a","x #":{"x":1}}'],
      ['{"x":"a","x #":{"x":"s"}}', '{"x":"long"}'],
    ],
    [
      'documents in the document',
      {
        $defs: {
          part: {
            $id: 'https://example.com/p',
            $defs: { x: { type: 'string' } },
            allOf: [{ $ref: '#/$defs/x' }],
          },
          x: { type: 'integer' },
        },
        prefixItems: [{ $ref: '#/$defs/part' }, { $ref: '#/$defs/part/$defs/x' }, { $ref: '#/$defs/x' }],
      },
      ['["a","b",1]'],
      ['[1]', '["a",1]', '["a","b","c"]'],
    ],
    ['a lookahead for the start', { type: 'string', pattern: '^(?=^b)b' }, ['"bx"'], ['"xb"']],
  ])('%s', (_, schema, valid, invalid) => {
    const isValid = judge(schema);
    for (const text of valid) expect([text, isValid(JSON.parse(text))]).toEqual([text, true]);
    for (const text of invalid) expect([text, isValid(JSON.parse(text))]).toEqual([text, false]);
    let matches: (text: string) => boolean = () => false;
    try {
      matches = matcher(jsonSchemaLanguage(schema));
    } catch (error) {
      expect(error).toMatchObject({ name: 'QuickstepError' });
      expect(valid).toEqual([]);
    }
    for (const text of valid) expect([text, matches(text)]).toEqual([text, true]);
    for (const text of invalid) expect([text, matches(text)]).toEqual([text, false]);
  });

  // Which ajv leaves out, whatever is said of it.
  it('the name __proto__', () => {
    for (const [keyword, name] of [
      ['properties', '__proto__'],
      ['patternProperties', 'a__proto__'],
    ]) {
      const schema = `{"type":"object","${keyword}":{"__proto__":{"const":1}},"required":["${name}"]}`;
      const matches = matcher(jsonSchemaLanguage(JSON.parse(schema)));
      expect([matches(`{"${name}":1}`), matches(`{"${name}":2}`)]).toEqual([true, false]);
    }
  });

  it('a host name as long as they may be', () => {
    const schema = { type: 'string', format: 'hostname' };
    const matches = matcher(jsonSchemaLanguage(schema));
    for (const length of [61, 62, 63]) {
      const text = JSON.stringify(Array(4).fill('a'.repeat(length)).join('.'));
      expect([length, matches(text)]).toEqual([length, judge(schema)(JSON.parse(text))]);
    }
  });

  it('strings for a vocabulary without quotation marks', () => {
    const digits = codePoints([0x30, 0x39]);
    expect(() => jsonSchemaLanguage({ type: 'string' }).compile(digits)).toThrow(
      expect.objectContaining({ code: 'bad-option' }),
    );
    expect(matcher(jsonSchemaLanguage({ type: ['string', 'integer'] }), digits)('12')).toBe(true);
  });
});

describe('objects of many optional properties', () => {
  it('have any of them, in the order of the schema', () => {
    const names = Array.from({ length: 150 }, (_, i) => `n${i}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'null' }]));
    for (const [required, minProperties] of [
      [[], 0],
      [['n70', 'n140'], 3],
    ] as const) {
      const matches = matcher(jsonSchemaLanguage({ type: 'object', properties, required, minProperties }));
      const text = (chosen: readonly string[]) => `{${chosen.map((name) => `"${name}":null`).join()}}`;
      fc.assert(
        fc.property(fc.subarray(names), (chosen) => {
          const isValid = required.every((name) => chosen.includes(name)) && chosen.length >= minProperties;
          expect(matches(text(chosen))).toBe(isValid);
          if (chosen.length > 1) expect(matches(text(chosen.toReversed()))).toBe(false);
        }),
        { numRuns: 12, examples: [[[...required]], [names], [['n70', 'n140', 'n149']]] },
      );
    }
  });
});

describe('formats', () => {
  it.each(Object.keys(formats))('%s: every text that can be written has it', (format) => {
    const schema = { type: 'string', format };
    const isValid = judge(schema);
    const start = jsonSchemaLanguage(schema).compile(anyCodePoint);
    for (let seed = 0; seed < 100; seed++) {
      const text = randomText(start, seed, 5 + (seed % 40));
      expect([text, isValid(JSON.parse(text))]).toEqual([text, true]);
    }
  });
});

describe('numbers', () => {
  const bound = fc.oneof(
    fc.integer({ min: -1200, max: 1200 }),
    fc.double({ min: -50, max: 50, noNaN: true }).map((x) => Number(x.toFixed(3))),
  );
  const demands = fc.record(
    { minimum: bound, maximum: bound, exclusiveMinimum: bound, exclusiveMaximum: bound },
    { requiredKeys: [] },
  );
  it('within bounds are all numbers within bounds that are short enough', () => {
    const kinds = fc.constantFrom('number', 'integer');
    const value = fc.oneof(bound, fc.integer({ min: -10, max: 10 }));
    fc.assert(
      fc.property(
        demands,
        kinds,
        fc.array(value, { maxLength: 20 }),
        fc.nat(),
        (bounds, type, values, seed) => {
          const schema = { type, ...bounds };
          const isValid = judge(schema);
          const near = [
            ...values,
            ...Object.values(bounds).flatMap((x) => [x, x + 1, x - 1, x + 0.001, x - 0.001]),
          ];
          const written = near.map((x) => JSON.stringify(Number(x.toFixed(3))));
          let start: ReturnType<ReturnType<typeof jsonSchemaLanguage>['compile']> | undefined;
          try {
            start = jsonSchemaLanguage(schema).compile(anyCodePoint);
          } catch (error) {
            expect(error).toMatchObject({ code: 'bad-option' });
          }
          for (const text of written) {
            expect([text, follow(start, text)?.accepts === true]).toEqual([text, isValid(JSON.parse(text))]);
          }
          if (!start) return;
          const text = randomText(start, seed, 4);
          expect([text, isValid(JSON.parse(text))]).toEqual([text, true]);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("cases of JSON Schema's own test suite", () => {
  const file = readFileSync(new URL('../fixtures/json-schema-test-suite.jsonl', import.meta.url), 'utf8');
  const cases = file
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

  it('never let an invalid document be written', () => {
    let read = 0;
    for (const { id, schema, tests } of cases) {
      let start: ReturnType<ReturnType<typeof jsonSchemaLanguage>['compile']>;
      try {
        start = jsonSchemaLanguage(schema).compile(anyCodePoint);
      } catch (error) {
        expect(error).toMatchObject({ name: 'QuickstepError' });
        continue;
      }
      read++;
      for (const { data, valid } of tests) {
        if (!valid)
          expect([id, data, follow(start, JSON.stringify(data))?.accepts === true]).toEqual([
            id,
            data,
            false,
          ]);
      }
      const isValid = judge(schema, id.startsWith('draft7'));
      for (let seed = 0; seed < 3; seed++) {
        const text = randomText(start, seed, 40);
        expect([id, text, isValid(JSON.parse(text))]).toEqual([id, text, true]);
      }
    }
    expect(read).toBeGreaterThan(cases.length / 2);
  });
});

describe('hostile schemas', () => {
  const refused = (schema: unknown) =>
    expect(() => jsonSchemaLanguage(schema).compile(anyCodePoint)).toThrow(
      expect.objectContaining({ name: 'QuickstepError' }),
    );

  it('that have no finite document, or none, are refused before the first token', () => {
    refused({ $ref: '#' });
    refused({ type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] });
    refused({ anyOf: [{ $ref: '#' }] });
    refused({ allOf: [{ $ref: '#' }] });
    refused({ type: 'string', minLength: 3, maxLength: 2 });
    refused({ type: 'integer', minimum: 5, exclusiveMaximum: 5 });
    refused(false);
  });

  it('that lead back to themselves beside another way are read', () => {
    const matches = matcher(
      jsonSchemaLanguage({
        anyOf: [{ $ref: '#' }, { type: 'null' }, { type: 'array', items: { $ref: '#' } }],
      }),
    );
    expect(matches('[[null],[]]')).toBe(true);
  });

  it('of many megabytes, many cases or great depth end in time', () => {
    const names = Array.from({ length: 60_000 }, (_, i) => [`property number ${i}`, { type: 'string' }]);
    refused({ type: 'object', properties: Object.fromEntries(names), additionalProperties: true });
    const pair = { anyOf: [{ required: ['a'] }, { required: ['b'] }] };
    refused({
      allOf: Array.from({ length: 40 }, (_, i) => ({ anyOf: [{ minLength: i }, { pattern: `${i}` }] })),
    });
    refused({
      allOf: Array.from({ length: 3 }, () => pair),
      not: { allOf: [pair, { not: {} }] },
      type: 'null',
      const: 1,
    });
    let deep: Record<string, unknown> = { type: 'null' };
    for (let i = 0; i < 5_000; i++) deep = { type: 'array', items: deep };
    const start = jsonSchemaLanguage(deep).compile(anyCodePoint);
    expect(follow(start, '['.repeat(4_000))).toBeDefined();
    let nested: Record<string, unknown> = { type: 'null' };
    for (let i = 0; i < 5_000; i++) nested = { allOf: [nested] };
    refused(nested);
  });
});
