/**
 * JSON Schema as a language: the documents that are valid, written one way. Properties come in the order of the
 * schema; one space at most stands behind a comma or colon; what a schema does not name stays out unless it says
 * `additionalProperties`. Every document of the language is valid.
 */

import { utf8 } from '../../../text/bytes.ts';
import type { CodePoints } from '../automaton/code-points.ts';
import { matches } from '../automaton/derivative.ts';
import { type Expression, Expressions, type Rule } from '../automaton/expression.ts';
import { automatonOf } from '../automaton/pushdown.ts';
import type { Language } from '../language.ts';
import { arrayExpression } from './arrays.ts';
import { numberFormats } from './formats.ts';
import { JsonNumbers } from './numbers.ts';
import { objectExpression } from './objects.ts';
import { SchemaReader, unsupported } from './reader.ts';
import {
  canonical,
  type Json,
  type JsonType,
  jsonTypes,
  keyOfPlaces,
  type Located,
  type Shape,
  typeOf,
} from './shape.ts';
import { stringExpression, stringTest } from './strings.ts';
import { JsonText } from './text.ts';

const arrayKeywords = (shape: Shape) =>
  shape.items !== undefined ||
  shape.prefixItems.length > 0 ||
  Number.isFinite(shape.itemCount.max) ||
  shape.itemCount.min > 0;
const objectKeywords = (shape: Shape) =>
  shape.properties.size > 0 ||
  shape.patternProperties.length > 0 ||
  shape.additional.length > 0 ||
  shape.required.size > 0;
/** Whether anything is demanded of objects; what is said by way of counts or negation names no type. */
const demandsOfObjects = (shape: Shape) =>
  objectKeywords(shape) ||
  shape.forbidden.size > 0 ||
  shape.propertyNames.length > 0 ||
  shape.propertyCount.min > 0 ||
  Number.isFinite(shape.propertyCount.max);

/** Turns schemas into expressions; each place of the document, or set of places, becomes a rule. */
export class SchemaCompiler {
  readonly make = new Expressions();
  readonly reader: SchemaReader;
  readonly text: JsonText;
  readonly numbers: JsonNumbers;
  readonly comma: Expression;
  readonly colon: Expression;
  readonly #rules = new Map<string, Rule>();
  readonly #open: { rule: Rule; schemas: readonly Located[] }[] = [];

  constructor(document: unknown, alphabet: CodePoints) {
    this.reader = new SchemaReader(document);
    this.text = new JsonText(this.make, alphabet);
    this.numbers = new JsonNumbers(this.make, alphabet);
    const space = this.make.optional(this.text.literal(' '));
    this.comma = this.make.concat(this.text.literal(','), space);
    this.colon = this.make.concat(this.text.literal(':'), space);
  }

  /** The document. */
  root(): Expression {
    const root = this.value([this.reader.root]);
    // Rules are written down one after the other, however deep the schemas nest.
    for (let next = this.#open.pop(); next; next = this.#open.pop())
      next.rule.body = this.#body(next.schemas);
    return root;
  }

  /** A value that has all of the schemas; any without one. */
  value(schemas: readonly Located[]): Expression {
    const key = keyOfPlaces(schemas);
    let rule = this.#rules.get(key);
    if (!rule) {
      rule = this.make.rule(key);
      this.#rules.set(key, rule);
      this.#open.push({ rule, schemas });
    }
    return this.make.call(rule);
  }

  #body(schemas: readonly Located[]): Expression {
    // Alternatives and references that stand alone need no case of their own, and may lead back to themselves.
    const [only] = schemas;
    if (schemas.length === 1 && typeof only.schema === 'object') {
      const said = this.reader.saying(only);
      if (said.length === 1 && said[0] === '$ref') return this.value([this.reader.resolve(only)]);
      if (said.length === 1 && said[0] === 'anyOf') {
        return this.make.alternatives(
          this.reader.members(only, 'anyOf').map((member) => this.value([member])),
        );
      }
    }
    const { path } = only ?? this.reader.root;
    return this.make.choice(...this.reader.allOf(schemas).map((shape) => this.#shape(shape, path)));
  }

  #shape(shape: Shape, path: string): Expression {
    if (shape.values) return this.#values(shape, shape.values, path);
    let types = shape.types;
    if (types.size === jsonTypes.length) {
      // Keywords about one type only: that type is meant.
      if (objectKeywords(shape)) types = new Set(['object']);
      else if (arrayKeywords(shape)) types = new Set(['array']);
    }
    return this.make.choice(...[...types].map((type) => this.#typed(type, shape, path)));
  }

  #typed(type: JsonType, shape: Shape, path: string): Expression {
    const { text } = this;
    const written = (...values: Json[]) => {
      const out = new Set(shape.excluded.map(canonical));
      return text.oneOf(values.filter((value) => !out.has(canonical(value))).map(String));
    };
    switch (type) {
      case 'null':
        return written(null);
      case 'boolean':
        return written(true, false);
      case 'number':
        return this.numbers.expression(withNumberFormats(shape), path);
      case 'string':
        return this.#string(shape, path);
      case 'array':
        this.#refuseExcluded(type, shape, path);
        return arrayExpression(this, shape);
      case 'object':
        this.#refuseExcluded(type, shape, path);
        return objectExpression(this, shape, path);
    }
  }

  #refuseExcluded(type: JsonType, { excluded }: Shape, path: string): void {
    if (excluded.some((value) => typeOf(value) === type))
      throw unsupported(`"not" of a single ${type}`, path);
  }

  /** Strings without demands share one rule, so that their states do. */
  #string(shape: Shape, path: string): Expression {
    const expression = this.text.quoted(stringExpression(this, shape, path));
    const key = `string ${expression.id}`;
    let rule = this.#rules.get(key);
    if (!rule) {
      rule = this.make.rule(key);
      rule.body = expression;
      this.#rules.set(key, rule);
    }
    return this.make.call(rule);
  }

  /** Listed values, those of them that the other demands allow. */
  #values(shape: Shape, values: readonly Json[], path: string): Expression {
    const { make } = this;
    const excluded = new Set(shape.excluded.map(canonical));
    const isAllowed = stringTest(this, shape, path);
    let multiples: Expression | undefined;
    const allowed = values.filter((value) => {
      if (excluded.has(canonical(value)) || !shape.types.has(typeOf(value))) return false;
      if (typeof value === 'object' && value !== null) {
        if (demandsOfObjects(shape) || arrayKeywords(shape))
          throw unsupported('a list of objects or arrays with demands on them', path);
        return true;
      }
      if (typeof value === 'string') return isAllowed(value);
      if (typeof value !== 'number') return true;
      const { integer, above, strictly, multiplesOf } = withNumberFormats(shape);
      if (integer && !Number.isInteger(value)) return false;
      if (value < above.min || value > above.max || value <= strictly.min || value >= strictly.max)
        return false;
      if (multiplesOf.length === 0) return true;
      multiples ??= this.numbers.expression(shape, path);
      return matches(make, multiples, utf8(JSON.stringify(value)));
    });
    const isLeaf = (value: Json) => typeof value !== 'object' || value === null;
    return make.choice(
      this.text.oneOf(allowed.filter(isLeaf).map((value) => JSON.stringify(value))),
      ...allowed.filter((value) => !isLeaf(value)).map((value) => this.json(value)),
    );
  }

  /** This very value. */
  json(value: Json): Expression {
    const { make, text } = this;
    const list = (parts: readonly Expression[]) =>
      parts.flatMap((part, i) => (i === 0 ? [part] : [this.comma, part]));
    if (Array.isArray(value)) {
      return make.sequence([
        text.literal('['),
        ...list(value.map((member) => this.json(member))),
        text.literal(']'),
      ]);
    }
    if (typeof value !== 'object' || value === null) return text.literal(JSON.stringify(value));
    const members = Object.entries(value).map(([key, member]) =>
      make.concat(text.quoted(text.contents([key])), this.colon, this.json(member)),
    );
    return make.sequence([text.literal('{'), ...list(members), text.literal('}')]);
  }
}

function withNumberFormats(shape: Shape): Shape {
  let { integer, above } = shape;
  for (const format of shape.formats) {
    const range = Object.hasOwn(numberFormats, format) ? numberFormats[format] : undefined;
    if (!range) continue;
    integer = true;
    above = { min: Math.max(above.min, range.min), max: Math.min(above.max, range.max) };
  }
  return { ...shape, integer, above };
}

/**
 * The JSON documents that are valid under a schema.
 * @param schema A JSON Schema, of any draft.
 * @throws QuickstepError 'bad-option' for a broken or too large schema, or one that nothing satisfies; 'unsupported'
 * naming the keyword that is not supported, and where it stands
 */
export function jsonSchemaLanguage(schema: unknown): Language {
  return {
    compile(alphabet) {
      const compiler = new SchemaCompiler(schema, alphabet);
      return automatonOf(compiler.make, compiler.root(), 'The JSON Schema');
    },
  };
}
