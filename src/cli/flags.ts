/**
 * Command-line flags out of zod schemas: the kebab-case of each key, its kind, range, default and help text all come
 * from the schema that also validates the value, so nothing about an option is written twice.
 *
 *   number, string, enum   --top-k 40          boolean   --ignore-eos
 *   array                  --stop a --stop b   record    --logit-bias 17=-100 --logit-bias 42=2
 */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';

/** A heading of the help and the options below it. */
export interface FlagGroup {
  title: string;
  schema: z.ZodObject;
}

export type FlagKind = 'boolean' | 'number' | 'text' | 'array' | 'record';

export interface Flag {
  /** Without the dashes. */
  name: string;
  /** The key in its schema. */
  key: string;
  kind: FlagKind;
  /** What stands for the value in the help, for instance `number`. */
  value: string;
  description: string;
  /** What the value may be, for people; '' when that goes without saying. */
  range: string;
  default: unknown;
}

/** The part of JSON Schema read here; `value` is our own annotation, see `.meta` in the commands' schemas. */
interface Property {
  type?: string;
  enum?: readonly string[];
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  value?: string;
}

/** `topK` as `top-k`. */
export function kebabCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function kindOf({ type }: Property): FlagKind {
  if (type === 'boolean' || type === 'array') return type;
  if (type === 'number' || type === 'integer') return 'number';
  return type === 'object' ? 'record' : 'text';
}

function rangeOf({ minimum = -Infinity, maximum = Infinity, exclusiveMinimum }: Property): string {
  const most = maximum >= Number.MAX_SAFE_INTEGER ? Infinity : maximum;
  const least = minimum <= Number.MIN_SAFE_INTEGER ? -Infinity : minimum;
  if (exclusiveMinimum !== undefined) return `above ${exclusiveMinimum}`;
  if (least > -Infinity && most < Infinity) return `${least} to ${most}`;
  if (least > -Infinity) return `${least} or more`;
  return most < Infinity ? `${most} or less` : '';
}

const placeholders: Readonly<Record<FlagKind, string>> = {
  boolean: '',
  number: 'number',
  text: 'text',
  array: 'text',
  record: 'id=value',
};

/** The flags of a schema, in its order. */
export function flagsOf(schema: z.ZodObject): Flag[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties as Record<string, Property>).map(([key, property]) => {
    const kind = kindOf(property);
    return {
      name: kebabCase(key),
      key,
      kind,
      value: property.value ?? property.enum?.join('|') ?? placeholders[kind],
      description: property.description ?? '',
      range: rangeOf(property),
      default: property.default,
    };
  });
}

function badValue(flag: Flag, value: string, expected: string): QuickstepError {
  return new QuickstepError(
    'bad-option',
    `--${flag.name} takes ${expected}, not ${JSON.stringify(value.slice(0, 200))}.`,
    flag.description,
  );
}

function numberOf(flag: Flag, text: string): number {
  const value = /^[+-]?Infinity$/.test(text) || /^[+-]?[\d.]/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw badValue(flag, text, flag.kind === 'record' ? 'id=number' : 'a number');
  return value;
}

/**
 * What the written values of one flag are as input of its schema; ranges are left to the schema.
 * @param values all that was written for it, at least one; `true` for a boolean flag
 * @throws QuickstepError 'bad-option' when a value is not of the flag's kind
 */
export function flagInput(flag: Flag, values: readonly (string | true)[]): unknown {
  const last = values[values.length - 1];
  if (last === true) return true;
  const texts = values as readonly string[];
  switch (flag.kind) {
    case 'boolean':
      // What is on by default is turned off so.
      if (last === 'true' || last === 'false') return last === 'true';
      throw badValue(flag, last, 'no value, or =false');
    case 'number':
      return numberOf(flag, last);
    case 'text':
      return last;
    case 'array':
      return [...texts];
    case 'record':
      return Object.fromEntries(
        texts.map((text) => {
          const [id, ...rest] = text.split('=');
          if (rest.length !== 1) throw badValue(flag, text, 'id=value');
          return [id, numberOf(flag, rest[0])];
        }),
      );
  }
}
