/** What each keyword that speaks of a value demands, and what its negation does. */

import { z } from 'zod';
import { parseRegex } from '../regex/parse.ts';
import { broken, type SchemaReader, unsupported } from './reader.ts';
import {
  anyShape,
  isObject,
  type Json,
  type JsonType,
  jsonTypes,
  type Located,
  type Pattern,
  type Shape,
} from './shape.ts';

const upTo = (max: number) => ({ min: Number.NEGATIVE_INFINITY, max });
const from = (min: number) => ({ min, max: Number.POSITIVE_INFINITY });
const patternOf = (source: string): Pattern => ({ source, regex: parseRegex(source) });

const names = z.array(z.string());
const count = z.int().min(0);
// No z.record: it leaves out the name __proto__.
const schemas = z.custom<Readonly<Record<string, unknown>>>(isObject);
const bound = z.union([z.number(), z.boolean()]);
const typeNames = z.enum([...jsonTypes, 'integer']);

/** The form of each keyword's value. */
const forms = {
  type: z.union([typeNames.transform((name) => [name]), z.array(typeNames)]),
  enum: z.array(z.unknown()).transform((values) => values as Json[]),
  const: z.unknown().transform((value) => value as Json),
  minimum: z.number(),
  maximum: z.number(),
  exclusiveMinimum: bound,
  exclusiveMaximum: bound,
  multipleOf: z.number().positive(),
  minLength: count,
  maxLength: count,
  pattern: z.string(),
  format: z.string(),
  minItems: count,
  maxItems: count,
  uniqueItems: z.boolean(),
  items: z.unknown(),
  prefixItems: z.array(z.unknown()),
  properties: schemas,
  patternProperties: schemas,
  additionalProperties: z.unknown(),
  required: z.union([names, z.boolean().transform(() => [])]),
  propertyNames: z.unknown(),
  minProperties: count,
  maxProperties: count,
};

type Keyword = keyof typeof forms;
type Values = { [K in Keyword]: z.output<(typeof forms)[K]> };

/** Keywords of values that are understood. */
export const valueKeywords = Object.keys(forms) as Keyword[];

/** What a keyword is read with. */
interface Place {
  readonly reader: SchemaReader;
  readonly located: Located;
  readonly schema: Readonly<Record<string, unknown>>;
}

const shapeOf = (demands: Partial<Shape>): Shape => ({ ...anyShape, ...demands });
const namesIn = (value: unknown): string[] => (isObject(value) ? Object.keys(value) : []);

/** Arrays and objects of a value within one another. */
const maxNesting = 500;

/** @throws QuickstepError 'bad-option' for values that nest too deep to be compared and written */
function shallow(values: readonly Json[], { path }: Located): readonly Json[] {
  let level: readonly unknown[] = values;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxNesting) throw broken(`a value nests deeper than ${maxNesting} levels`, path);
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
  return values;
}

const demands: { [K in Keyword]: (value: Values[K], place: Place) => Partial<Shape> } = {
  type: (types) => ({
    types: new Set(types.map((name) => (name === 'integer' ? 'number' : name))),
    integer: types.includes('integer') && !types.includes('number'),
  }),
  enum: (values, { located }) => ({ values: shallow(values, located) }),
  const: (value, { located }) => ({ values: shallow([value], located) }),
  // Draft 4 marks a bound as excluded by a second keyword.
  minimum: (min, { schema }) =>
    schema.exclusiveMinimum === true ? { strictly: from(min) } : { above: from(min) },
  maximum: (max, { schema }) =>
    schema.exclusiveMaximum === true ? { strictly: upTo(max) } : { above: upTo(max) },
  exclusiveMinimum: (min) => (typeof min === 'number' ? { strictly: from(min) } : {}),
  exclusiveMaximum: (max) => (typeof max === 'number' ? { strictly: upTo(max) } : {}),
  multipleOf: (step) => ({ multiplesOf: [step] }),
  minLength: (min) => ({ length: from(min) }),
  maxLength: (max) => ({ length: upTo(max) }),
  pattern: (source) => ({ patterns: [patternOf(source)] }),
  format: (name) => ({ formats: [name] }),
  minItems: (min) => ({ itemCount: from(min) }),
  maxItems: (max) => ({ itemCount: upTo(max) }),
  uniqueItems: (unique, { located }) => {
    if (unique) throw unsupported('"uniqueItems"', located.path);
    return {};
  },
  items: (items, { reader, located, schema }) => {
    if (!Array.isArray(items)) {
      // Positions of their own are none of these items.
      const apart = Array.isArray(schema.prefixItems) ? schema.prefixItems.map(() => []) : [];
      return { prefixItems: apart, items: [reader.at(located, 'items')] };
    }
    const prefixItems = items.map((_, index) => [reader.at(located, 'items', index)]);
    if (schema.additionalItems === undefined) return { prefixItems };
    return { prefixItems, items: [reader.at(located, 'additionalItems')] };
  },
  prefixItems: (items, { reader, located }) => ({
    prefixItems: items.map((_, index) => [reader.at(located, 'prefixItems', index)]),
  }),
  properties: (value, { reader, located }) => ({
    properties: new Map(namesIn(value).map((name) => [name, [reader.at(located, 'properties', name)]])),
  }),
  patternProperties: (value, { reader, located }) => ({
    patternProperties: namesIn(value).map((source) => ({
      pattern: patternOf(source),
      schema: reader.at(located, 'patternProperties', source),
    })),
  }),
  additionalProperties: (_, { reader, located, schema }) => ({
    additional: [
      {
        schema: reader.at(located, 'additionalProperties'),
        names: new Set(namesIn(schema.properties)),
        patterns: namesIn(schema.patternProperties),
      },
    ],
  }),
  required: (list) => ({ required: new Set(list) }),
  propertyNames: (_, { reader, located }) => ({ propertyNames: [reader.at(located, 'propertyNames')] }),
  minProperties: (min) => ({ propertyCount: from(min) }),
  maxProperties: (max) => ({ propertyCount: upTo(max) }),
};

const only = (type: JsonType, rest: Partial<Shape>): Partial<Shape> => ({ types: new Set([type]), ...rest });

/** What is left where a keyword does not hold; keywords without an entry cannot be negated. */
const negations: { [K in Keyword]?: (value: Values[K], place: Place) => readonly Partial<Shape>[] } = {
  // What is no integer may still be a number, but that has no form of its own here: fewer values than could be.
  type: (types) => [
    { types: new Set(jsonTypes.filter((type) => !demands.type(types, {} as Place).types!.has(type))) },
  ],
  enum: (values, { located }) => [{ excluded: shallow(values, located) }],
  const: (value, { located }) => [{ excluded: shallow([value], located) }],
  minimum: (min) => [only('number', { strictly: upTo(min) })],
  maximum: (max) => [only('number', { strictly: from(max) })],
  exclusiveMinimum: (min) => (typeof min === 'number' ? [only('number', { above: upTo(min) })] : []),
  exclusiveMaximum: (max) => (typeof max === 'number' ? [only('number', { above: from(max) })] : []),
  minLength: (min) => (min > 0 ? [only('string', { length: upTo(min - 1) })] : []),
  maxLength: (max) => [only('string', { length: from(max + 1) })],
  pattern: (source) => [only('string', { notPatterns: [patternOf(source)] })],
  minItems: (min) => (min > 0 ? [only('array', { itemCount: upTo(min - 1) })] : []),
  maxItems: (max) => [only('array', { itemCount: from(max + 1) })],
  required: (list) => list.map((name) => only('object', { forbidden: new Set([name]) })),
  minProperties: (min) => (min > 0 ? [only('object', { propertyCount: upTo(min - 1) })] : []),
  maxProperties: (max) => [only('object', { propertyCount: from(max + 1) })],
  properties: (value, { reader, located }) =>
    namesIn(value).map((name) => {
      const { schema, path, base } = reader.at(located, 'properties', name);
      // No name in a path has a `~` before a letter.
      const negated = { schema: { not: schema }, path: `${path}~not`, base };
      return only('object', { required: new Set([name]), properties: new Map([[name, [negated]]]) });
    }),
};

function read<K extends Keyword>(keyword: K, place: Place): Values[K] {
  const parsed = forms[keyword].safeParse(place.schema[keyword]);
  if (!parsed.success) throw broken(`${keyword} is malformed`, place.located.path);
  return parsed.data as Values[K];
}

const isKnown = (keyword: string): keyword is Keyword => Object.hasOwn(forms, keyword);

function placeOf(reader: SchemaReader, located: Located): Place {
  return { reader, located, schema: located.schema as Record<string, unknown> };
}

/** The shape a keyword stands for. Names that JSON Schema does not define are annotations, as it says itself. */
export function keywordShape(reader: SchemaReader, located: Located, keyword: string): Shape {
  if (!isKnown(keyword)) return anyShape;
  const place = placeOf(reader, located);
  return shapeOf(
    (demands[keyword] as (value: unknown, place: Place) => Partial<Shape>)(read(keyword, place), place),
  );
}

/** The shapes of which a value must have one so that a keyword does not hold for it. */
export function negatedKeyword(reader: SchemaReader, located: Located, keyword: string): readonly Shape[] {
  if (!isKnown(keyword)) return [];
  const negate = negations[keyword] as
    | ((value: unknown, place: Place) => readonly Partial<Shape>[])
    | undefined;
  if (!negate)
    throw unsupported(`"not" of "${keyword}", or "oneOf" with it in cases that overlap,`, located.path);
  const place = placeOf(reader, located);
  return negate(read(keyword, place), place).map(shapeOf);
}
