/**
 * What a JSON Schema says, as one conjunction per alternative: references and combinations are resolved, so that the
 * grammar of a value can be written down part by part.
 */

import type { Regex } from '../regex/parse.ts';

export type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';
export const jsonTypes: readonly JsonType[] = ['object', 'array', 'string', 'number', 'boolean', 'null'];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A schema as written: an object of keywords, or true or false. */
export type Schema = boolean | { readonly [keyword: string]: unknown };

/** A schema and where it stands, for errors. */
export interface Located {
  readonly schema: Schema;
  /** JSON pointer of the document it stands in. */
  readonly path: string;
}

export interface Pattern {
  readonly source: string;
  readonly regex: Regex;
}

/** Bounds of numbers; infinite where there is none. */
export interface NumberBounds {
  min: number;
  max: number;
  /** Whether the bound itself is outside. */
  minExcluded: boolean;
  maxExcluded: boolean;
}

/** Keywords that must all hold, of one value. */
export interface Shape {
  types: ReadonlySet<JsonType>;
  /** Whether numbers must be whole. */
  integer: boolean;
  /** The only values, from enum and const; undefined when there is no such list. */
  values: readonly Json[] | undefined;
  /** Values that are ruled out. */
  excluded: readonly Json[];
  bounds: NumberBounds;
  multiplesOf: readonly number[];
  length: { min: number; max: number };
  patterns: readonly Pattern[];
  notPatterns: readonly Pattern[];
  formats: readonly string[];
  properties: ReadonlyMap<string, readonly Located[]>;
  /** Properties that schemas give by pattern. */
  patternProperties: readonly { pattern: Pattern; schema: Located }[];
  required: ReadonlySet<string>;
  /** Properties that must be absent. */
  forbidden: ReadonlySet<string>;
  /** Schemas of properties that are neither named nor matched, each with the names and patterns it leaves out. */
  additional: readonly { schema: Located; names: ReadonlySet<string>; patterns: readonly Pattern[] }[];
  propertyNames: readonly Located[];
  propertyCount: { min: number; max: number };
  prefixItems: readonly (readonly Located[])[];
  items: readonly Located[];
  itemCount: { min: number; max: number };
  uniqueItems: boolean;
  contains: readonly Located[];
  /** Where the schema stands, for errors. */
  path: string;
}
