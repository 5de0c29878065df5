/**
 * Reads schemas into shapes. Combining keywords are worked out: a schema becomes the list of shapes of which a value
 * must have one (a disjunctive normal form), `not`, `oneOf` and `if` by negating keyword after keyword.
 */

import { QuickstepError } from '../../../errors.ts';
import { keywordShape, negatedKeyword, valueKeywords } from './keywords.ts';
import { anyShape, conjunction, isObject, isVoid, type Located, type Schema, type Shape } from './shape.ts';

/** Alternatives of one schema. */
const maxShapes = 500;
/** What combining schemas may cost: demands that are looked at. */
const maxWork = 10_000_000;
/** References and combinations within one another that lead to no value. */
const maxDepth = 100;

/** Keywords that tell people something, and those that hold definitions. */
const silent = new Set(
  (
    'title description default examples $schema $id id $comment readOnly writeOnly deprecated $defs definitions ' +
    '$anchor $vocabulary contentMediaType contentEncoding contentSchema then else additionalItems ' +
    'minContains maxContains'
  ).split(' '),
);

/** Combinations that are not negated, and all of them. */
const unnegated = 'oneOf if dependentRequired dependentSchemas dependencies'.split(' ');
export const combiningKeywords = ['$ref', 'allOf', 'anyOf', 'not', ...unnegated];

/** Keywords that JSON Schema defines and Quickstep does not know. */
export const unsupportedKeywords = new Set(
  'unevaluatedProperties unevaluatedItems $dynamicRef $recursiveRef $dynamicAnchor $recursiveAnchor contains'.split(
    ' ',
  ),
);

const speaking = new Set<string>([...combiningKeywords, ...valueKeywords, ...unsupportedKeywords]);

export const unsupported = (what: string, path: string): QuickstepError =>
  new QuickstepError(
    'unsupported',
    `JSON Schema: ${what} at ${path || '#'} is not supported.`,
    'See docs/constrained.md.',
  );

export const broken = (problem: string, path: string): QuickstepError =>
  new QuickstepError('bad-option', `JSON Schema: ${problem} at ${path || '#'}.`, 'Correct the schema.');

const escapeKey = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** Whether references below begin here; one that is only a fragment is a name and no base. */
const isBase = (schema: unknown): schema is Schema =>
  isObject(schema) && typeof schema.$id === 'string' && !schema.$id.startsWith('#');

/**
 * @param base Of what is around the schema; undefined for the document.
 * @throws QuickstepError 'bad-option' for what is neither an object nor true or false
 */
function asSchema(value: unknown, path: string, base?: Located['base']): Located {
  if (!isObject(value) && typeof value !== 'boolean') throw broken('there is no schema', path);
  const schema: Schema = value;
  return { schema, path, base: base && !isBase(schema) ? base : { schema, path } };
}

/** Names in a JSON pointer that is written as a fragment; undefined for one with a broken percent sign. */
function keysOf(pointer: string): string[] | undefined {
  try {
    return pointer
      .split('/')
      .slice(1)
      .map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'));
  } catch {
    return undefined;
  }
}

/** How many demands a shape has, of those there may be many of. */
const sizeOf = ({ properties, required, excluded, patterns, values }: Shape): number =>
  1 + properties.size + required.size + excluded.length + patterns.length + (values?.length ?? 0);

export class SchemaReader {
  readonly root: Located;
  readonly #known = new Map<string, readonly Shape[]>();
  readonly #knownNegated = new Map<string, readonly Shape[]>();
  #depth = 0;
  #work = 0;

  constructor(document: unknown) {
    this.root = asSchema(document, '#');
  }

  /** The member of a schema, as a schema. */
  at(parent: Located, ...keys: (string | number)[]): Located {
    let schema: unknown = parent.schema;
    let { path } = parent;
    for (const key of keys) {
      schema = (schema as Record<string, unknown>)[key];
      path += `/${escapeKey(String(key))}`;
    }
    return asSchema(schema, path, parent.base);
  }

  /** What a reference within the document, or within its part of the document, leads to. */
  resolve({ schema, path, base }: Located): Located {
    const reference = (schema as Record<string, unknown>).$ref;
    if (typeof reference !== 'string') throw broken('$ref is no text', path);
    if (reference !== '#' && !reference.startsWith('#/'))
      throw unsupported(`$ref "${reference.slice(0, 80)}"`, path);
    let target: unknown = base.schema;
    let [at, around] = [base.path, base];
    const keys = keysOf(reference);
    if (!keys) throw broken(`$ref "${reference.slice(0, 80)}" is malformed`, path);
    for (const key of keys) {
      if (isBase(target)) around = { schema: target, path: at };
      const found = typeof target === 'object' && target !== null && Object.hasOwn(target, key);
      if (!found) throw broken(`$ref "${reference.slice(0, 80)}" leads nowhere`, path);
      target = (target as Record<string, unknown>)[key];
      at += `/${escapeKey(key)}`;
    }
    return asSchema(target, at, around);
  }

  /** Shapes of which a value must have one; none when no value will do. */
  shapes(located: Located): readonly Shape[] {
    const known = this.#known.get(located.path);
    if (known) return known;
    if (++this.#depth > maxDepth) {
      throw broken('references or combinations of schemas lead in a circle or nest too deep', located.path);
    }
    const shapes = this.#read(located);
    this.#depth--;
    this.#known.set(located.path, shapes);
    return shapes;
  }

  /** Shapes of a value that has all of the schemas. */
  allOf(schemas: readonly Located[]): readonly Shape[] {
    return schemas.reduce<readonly Shape[]>(
      (shapes, schema) => this.all(shapes, this.shapes(schema)),
      [anyShape],
    );
  }

  all(a: readonly Shape[], b: readonly Shape[]): readonly Shape[] {
    for (const x of a) this.#work += b.length * sizeOf(x);
    for (const y of b) this.#work += a.length * sizeOf(y);
    if (this.#work > maxWork) throw broken('combining the schemas takes too long', '#');
    const shapes = a.flatMap((x) => b.map((y) => conjunction(x, y))).filter((shape) => !isVoid(shape));
    if (shapes.length > maxShapes) throw broken(`combined schemas have more than ${maxShapes} cases`, '#');
    return shapes;
  }

  #read(located: Located): readonly Shape[] {
    const { schema } = located;
    if (schema === true) return [anyShape];
    if (schema === false) return [];
    let shapes: readonly Shape[] = [anyShape];
    for (const keyword of Object.keys(schema)) shapes = this.all(shapes, this.#keyword(located, keyword));
    return shapes;
  }

  /** Keywords that demand something. */
  saying({ schema }: Located): string[] {
    return Object.keys(schema).filter((keyword) => speaking.has(keyword));
  }

  /** The schemas in a list. */
  members(located: Located, keyword: string): Located[] {
    const list = (located.schema as Record<string, unknown>)[keyword];
    if (!Array.isArray(list)) throw broken(`${keyword} is no list`, located.path);
    return list.map((_, index) => this.at(located, keyword, index));
  }

  /** What one keyword of a schema demands. */
  #keyword(located: Located, keyword: string): readonly Shape[] {
    const schema = located.schema as Record<string, unknown>;
    switch (keyword) {
      case '$ref':
        return this.shapes(this.resolve(located));
      case 'allOf':
        return this.allOf(this.members(located, keyword));
      case 'anyOf':
        return this.members(located, keyword).flatMap((member) => this.shapes(member));
      case 'oneOf':
        return this.#exactlyOne(this.members(located, keyword));
      case 'not':
        return this.negated(this.at(located, 'not'));
      case 'if': {
        const condition = this.at(located, 'if');
        const then = 'then' in schema ? this.shapes(this.at(located, 'then')) : [anyShape];
        const otherwise = 'else' in schema ? this.shapes(this.at(located, 'else')) : [anyShape];
        return [...this.all(this.shapes(condition), then), ...this.all(this.negated(condition), otherwise)];
      }
      case 'dependentRequired':
      case 'dependentSchemas':
      case 'dependencies':
        return this.#dependent(located, keyword);
      default:
        if (silent.has(keyword)) return [anyShape];
        if (unsupportedKeywords.has(keyword)) throw unsupported(`"${keyword}"`, located.path);
        return [keywordShape(this, located, keyword)];
    }
  }

  /** Of each named property: it is absent, or what depends on it holds. */
  #dependent(located: Located, keyword: string): readonly Shape[] {
    const dependents = (located.schema as Record<string, unknown>)[keyword];
    if (!isObject(dependents)) throw broken(`${keyword} is malformed`, located.path);
    return Object.entries(dependents).reduce<readonly Shape[]>(
      (shapes, [name, dependent]) => {
        const names: readonly unknown[] = Array.isArray(dependent) ? dependent : [];
        if (!names.every((other) => typeof other === 'string'))
          throw broken(`${keyword} is malformed`, located.path);
        const present = { ...anyShape, required: new Set([name, ...names]) };
        const needed = Array.isArray(dependent) ? [anyShape] : this.shapes(this.at(located, keyword, name));
        const absent = { ...anyShape, forbidden: new Set([name]) };
        return this.all(shapes, [absent, ...this.all([present], needed)]);
      },
      [anyShape],
    );
  }

  /** Each member without those before and after it, which need not be said where they have nothing in common. */
  #exactlyOne(members: readonly Located[]): readonly Shape[] {
    // Each is compared with each.
    if (members.length > maxShapes) throw broken(`oneOf has more than ${maxShapes} schemas`, '#');
    return members.flatMap((member, index) => {
      const shapes = this.shapes(member);
      return members.reduce((rest, other, i) => {
        if (i === index || rest.every((shape) => this.#apart(shape, this.shapes(other)))) return rest;
        return this.all(rest, this.negated(other));
      }, shapes);
    });
  }

  /** Whether it is plain that no value has the shape and one of the others. */
  #apart(shape: Shape, others: readonly Shape[], depth = 0): boolean {
    return this.all([shape], others).every(({ types, required, properties }) => {
      if (types.size !== 1 || !types.has('object') || depth > 2) return false;
      return [...required].some((name) => {
        const schemas = properties.get(name) ?? [];
        return this.allOf(schemas).every(
          (value) => isVoid(value) || this.#apart(value, [anyShape], depth + 1),
        );
      });
    });
  }

  /** Shapes of the values that a schema rules out. */
  negated(located: Located): readonly Shape[] {
    const { schema, path } = located;
    if (typeof schema === 'boolean') return schema ? [] : [anyShape];
    const known = this.#knownNegated.get(path);
    if (known) return known;
    if (++this.#depth > maxDepth) throw broken('negated schemas lead in a circle', path);
    const shapes = Object.keys(schema).flatMap((keyword) => this.#negatedKeyword(located, keyword));
    this.#depth--;
    this.#knownNegated.set(path, shapes);
    return shapes;
  }

  #negatedKeyword(located: Located, keyword: string): readonly Shape[] {
    const all = (members: readonly Located[]) =>
      members.reduce<readonly Shape[]>(
        (shapes, member) => this.all(shapes, this.negated(member)),
        [anyShape],
      );
    switch (keyword) {
      case '$ref':
        return this.negated(this.resolve(located));
      case 'allOf':
        return this.members(located, keyword).flatMap((member) => this.negated(member));
      case 'anyOf':
        return all(this.members(located, keyword));
      case 'not':
        return this.shapes(this.at(located, 'not'));
      default:
        if (silent.has(keyword)) return [];
        if (unsupportedKeywords.has(keyword) || unnegated.includes(keyword)) {
          throw unsupported(`"not" of "${keyword}"`, located.path);
        }
        return negatedKeyword(this, located, keyword);
    }
  }
}
