/** What a JSON Schema demands of a value, as one list of demands that must all hold: a shape. */

import type { Regex } from '../regex/parse.ts';

export type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';
export const jsonTypes: readonly JsonType[] = ['object', 'array', 'string', 'number', 'boolean', 'null'];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A schema as written: an object of keywords, or true or false. */
export type Schema = boolean | { readonly [keyword: string]: unknown };

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A schema and its place, a JSON pointer; schemas of one place are the same. */
export interface Located {
  readonly schema: Schema;
  readonly path: string;
  /** Where references in the schema begin: the document, or the part of it around the schema that has an `$id` of its own. */
  readonly base: Pick<Located, 'schema' | 'path'>;
}

/** One text for a set of places. A pointer has a digit behind every `~`, so no name in a path looks like the separator. */
export const keyOfPlaces = (schemas: readonly Located[]): string =>
  schemas
    .map(({ path }) => path)
    .sort()
    .join('~&');

export interface Pattern {
  readonly source: string;
  readonly regex: Regex;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Schemas of properties that the same schema neither names nor matches by pattern. */
export interface Additional {
  readonly schema: Located;
  readonly names: ReadonlySet<string>;
  readonly patterns: readonly string[];
}

export interface Shape {
  readonly types: ReadonlySet<JsonType>;
  /** The only values, from enum and const; undefined without such a list. */
  readonly values?: readonly Json[];
  /** Values that are ruled out. */
  readonly excluded: readonly Json[];
  /** Whether numbers must be whole. */
  readonly integer: boolean;
  readonly above: Range;
  /** As `above`, with the bounds themselves left out. */
  readonly strictly: Range;
  readonly multiplesOf: readonly number[];
  readonly length: Range;
  readonly patterns: readonly Pattern[];
  readonly notPatterns: readonly Pattern[];
  readonly formats: readonly string[];
  readonly properties: ReadonlyMap<string, readonly Located[]>;
  readonly patternProperties: readonly { readonly pattern: Pattern; readonly schema: Located }[];
  readonly additional: readonly Additional[];
  readonly required: ReadonlySet<string>;
  /** Properties that must be absent. */
  readonly forbidden: ReadonlySet<string>;
  readonly propertyNames: readonly Located[];
  readonly propertyCount: Range;
  /** Of each position that has schemas of its own; then of all others, undefined when nothing is said. */
  readonly prefixItems: readonly (readonly Located[])[];
  readonly items?: readonly Located[];
  readonly itemCount: Range;
}

const anyRange: Range = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
const anyCount: Range = { min: 0, max: Number.POSITIVE_INFINITY };

/** No demands. */
export const anyShape: Shape = {
  types: new Set(jsonTypes),
  excluded: [],
  integer: false,
  above: anyRange,
  strictly: anyRange,
  multiplesOf: [],
  length: anyCount,
  patterns: [],
  notPatterns: [],
  formats: [],
  properties: new Map(),
  patternProperties: [],
  additional: [],
  required: new Set(),
  forbidden: new Set(),
  propertyNames: [],
  propertyCount: anyCount,
  prefixItems: [],
  itemCount: anyCount,
};

const narrow = (a: Range, b: Range): Range => ({ min: Math.max(a.min, b.min), max: Math.min(a.max, b.max) });

const intersect = <T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Set<T> =>
  new Set([...a].filter((member) => b.has(member)));

/** Text by which JSON values are compared. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join()}}`;
}

/** Both shapes' demands; of equal schemas one is enough. */
export function conjunction(a: Shape, b: Shape): Shape {
  const properties = new Map(a.properties);
  for (const [name, schemas] of b.properties) {
    properties.set(name, unique([...(properties.get(name) ?? []), ...schemas]));
  }
  const length = Math.max(a.prefixItems.length, b.prefixItems.length);
  const known = b.values && new Set(b.values.map(canonical));
  return {
    types: intersect(a.types, b.types),
    values:
      a.values && known ? a.values.filter((value) => known.has(canonical(value))) : (a.values ?? b.values),
    excluded: [...a.excluded, ...b.excluded],
    integer: a.integer || b.integer,
    above: narrow(a.above, b.above),
    strictly: narrow(a.strictly, b.strictly),
    multiplesOf: [...new Set([...a.multiplesOf, ...b.multiplesOf])],
    length: narrow(a.length, b.length),
    patterns: [...a.patterns, ...b.patterns],
    notPatterns: [...a.notPatterns, ...b.notPatterns],
    formats: [...new Set([...a.formats, ...b.formats])],
    properties,
    patternProperties: [...a.patternProperties, ...b.patternProperties],
    additional: [...a.additional, ...b.additional],
    required: new Set([...a.required, ...b.required]),
    forbidden: new Set([...a.forbidden, ...b.forbidden]),
    propertyNames: unique([...a.propertyNames, ...b.propertyNames]),
    propertyCount: narrow(a.propertyCount, b.propertyCount),
    prefixItems: Array.from({ length }, (_, i) =>
      unique([...(a.prefixItems[i] ?? a.items ?? []), ...(b.prefixItems[i] ?? b.items ?? [])]),
    ),
    items: a.items || b.items ? unique([...(a.items ?? []), ...(b.items ?? [])]) : undefined,
    itemCount: narrow(a.itemCount, b.itemCount),
  };
}

function unique(schemas: readonly Located[]): Located[] {
  return [...new Map(schemas.map((schema) => [schema.path, schema])).values()];
}

/** Whether it is plain that no value has the shape. */
export function isVoid(shape: Shape): boolean {
  const { types, values, required, forbidden } = shape;
  if (types.size === 0 || values?.length === 0) return true;
  const only = values && new Set(values.map(typeOf));
  const possible = [...types].filter((type) => !only || only.has(type));
  if (possible.length === 0) return true;
  return possible.every((type) => type === 'object') && [...required].some((name) => forbidden.has(name));
}

export function typeOf(value: Json): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as JsonType;
}
