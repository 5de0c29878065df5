/** Objects: named properties in the order of the schema, then others, where the schema speaks of them. */

import { utf8 } from '../../../text/bytes.ts';
import { anyCodePoint } from '../automaton/code-points.ts';
import { matches } from '../automaton/derivative.ts';
import type { Expression } from '../automaton/expression.ts';
import type { SchemaCompiler } from './compile.ts';
import { unsupported } from './reader.ts';
import type { Located, Shape } from './shape.ts';
import { patternExpression, stringExpression } from './strings.ts';

/** Patterns of properties whose overlaps are told apart. */
const maxPatterns = 4;
/** Steps of the count of properties. */
const maxCounted = 64;
/** Optional properties: each may come next, and a state follows at most 2,000 alternatives. */
const maxOptional = 1_900;
/** Of so many in a row one choice is made; those behind are a rule, or each choice would list all that are to come. */
const maxChoice = 64;

/**
 * @throws QuickstepError 'unsupported' for counts and patterns beyond what is told apart
 */
export function objectExpression(compiler: SchemaCompiler, shape: Shape, path: string): Expression {
  const { make, text, comma } = compiler;
  const { required, forbidden, propertyCount } = shape;
  const known = [...new Set([...shape.properties.keys(), ...required])];
  if (known.some((name) => required.has(name) && forbidden.has(name))) return make.nothing;
  const names = known.filter((name) => !forbidden.has(name));
  if (names.filter((name) => !required.has(name)).length > maxOptional)
    throw unsupported(`more than ${maxOptional} optional properties`, path);
  const keys: Keys = { named: keyLanguage(compiler, shape, path), patterns: patternsOf(compiler, shape) };
  const members = names.map((name) => ({
    expression: member(compiler, shape, name, keys),
    needed: required.has(name),
  }));
  const other = otherMembers(compiler, shape, keys, path);
  const { min, max } = propertyCount;
  const isOpen = other !== make.nothing;
  if (isOpen && min - required.size > 1)
    throw unsupported('"minProperties" above 1 with properties of any name', path);
  // How many properties are there is told apart as far as it matters: whether there is one, and the bounds.
  const last = Number.isFinite(max) ? max + 1 : Math.max(min, 1);
  if (last > maxCounted) throw unsupported(`"minProperties" or "maxProperties" above ${maxCounted}`, path);
  const separated = (count: number, one: Expression) => (count === 0 ? one : make.concat(comma, one));

  /** What may follow `count` properties, by count, from the last property to the first. */
  let following = Array.from({ length: last + 1 }, (_, count) => {
    const ends = make.repeat(
      make.concat(comma, other),
      Math.max(0, min - Math.max(count, 1)),
      max - Math.max(count, 1),
    );
    if (count > max) return make.nothing;
    if (count > 0) return isOpen ? ends : count >= min ? make.empty : make.nothing;
    const some = isOpen && max > 0 ? make.concat(other, ends) : make.nothing;
    return min === 0 ? make.optional(some) : some;
  });
  let optional = 0;
  for (const { expression, needed } of members.toReversed()) {
    optional = needed ? 0 : optional + 1;
    if (optional % maxChoice === maxChoice - 1) following = following.map((rest) => asRule(compiler, rest));
    const behind = following;
    following = behind.map((without, count) => {
      const present = make.concat(separated(count, expression), behind[Math.min(count + 1, last)]);
      return needed ? present : make.choice(present, without);
    });
  }
  return make.concat(text.literal('{'), following[0], text.literal('}'));
}

/** A choice as a call, so that choices around it do not list its alternatives. */
function asRule({ make }: SchemaCompiler, choice: Expression): Expression {
  if (choice.kind !== 'choice') return choice;
  const rule = make.rule('properties');
  rule.body = choice;
  return make.call(rule);
}

/** Contents of keys that propertyNames allows. */
function keyLanguage(compiler: SchemaCompiler, shape: Shape, path: string): Expression | undefined {
  if (shape.propertyNames.length === 0) return undefined;
  const { make, reader, text } = compiler;
  const cases = reader.allOf(shape.propertyNames).filter(({ types }) => types.has('string'));
  return make.choice(
    ...cases.map((names) => {
      const listed = names.values?.filter((value) => typeof value === 'string');
      const demanded = stringExpression(compiler, names, path);
      return listed ? make.both(text.contents(listed), demanded) : demanded;
    }),
  );
}

/** What is demanded of the contents of keys. */
interface Keys {
  /** Those that propertyNames allows; all without it. */
  readonly named: Expression | undefined;
  /** Those that match a pattern, by its source. */
  readonly patterns: ReadonlyMap<string, Expression>;
}

function patternsOf(compiler: SchemaCompiler, { patternProperties }: Shape): Map<string, Expression> {
  const regexes = new Map(patternProperties.map(({ pattern }) => [pattern.source, pattern.regex]));
  return new Map([...regexes].map(([source, regex]) => [source, patternExpression(compiler, regex, true)]));
}

/** Schemas of a property by the patterns that it matches; undefined when it may not be there. */
function schemasOf(
  shape: Shape,
  name: string | undefined,
  matched: ReadonlySet<string>,
): Located[] | undefined {
  const schemas = [...((name !== undefined && shape.properties.get(name)) || [])];
  for (const { pattern, schema } of shape.patternProperties)
    if (matched.has(pattern.source)) schemas.push(schema);
  for (const { schema, names, patterns } of shape.additional) {
    const named = name !== undefined && names.has(name);
    if (!named && !patterns.some((source) => matched.has(source))) schemas.push(schema);
  }
  if (schemas.some(({ schema }) => schema === false)) return undefined;
  return schemas;
}

/** A named property with its value. */
function member(compiler: SchemaCompiler, shape: Shape, name: string, { named, patterns }: Keys): Expression {
  const { make, text } = compiler;
  const written = utf8(JSON.stringify(name).slice(1, -1));
  const matched = [...patterns].filter(([, pattern]) => matches(make, pattern, written));
  const schemas = schemasOf(shape, name, new Set(matched.map(([source]) => source)));
  if (!schemas || (named && !matches(make, named, written))) return make.nothing;
  const value = compiler.value(schemas);
  return make.concat(text.quoted(text.contents([name])), compiler.colon, value);
}

/** A property of any other name; `nothing` when there is none. */
function otherMembers(
  compiler: SchemaCompiler,
  shape: Shape,
  { named, patterns: bySource }: Keys,
  path: string,
): Expression {
  const { make, text } = compiler;
  const { properties, patternProperties, additional, required, forbidden } = shape;
  const closed = additional.length === 0 && (properties.size > 0 || patternProperties.length > 0);
  const sources = [...bySource.keys()];
  if (closed && sources.length === 0) return make.nothing;
  if (sources.length > maxPatterns)
    throw unsupported(`"patternProperties" with more than ${maxPatterns} patterns`, path);
  const patterns = [...bySource.values()];
  const taken = text.contents([...properties.keys(), ...required, ...forbidden]);
  const written = make.repeat(text.write(anyCodePoint), 0, Number.POSITIVE_INFINITY);
  const others = make.both(written, make.not(taken), ...(named ? [named] : []));
  const cases: Expression[] = [];
  for (let subset = 0; subset < 2 ** sources.length; subset++) {
    if (subset === 0 && closed) continue;
    const matched = new Set(sources.filter((_, i) => (subset >> i) & 1));
    const schemas = schemasOf(shape, undefined, matched);
    if (!schemas) continue;
    const told = patterns.map((pattern, i) => ((subset >> i) & 1 ? pattern : make.not(pattern)));
    const value = compiler.value(schemas);
    cases.push(make.concat(text.quoted(make.both(others, ...told)), compiler.colon, value));
  }
  return make.choice(...cases);
}
