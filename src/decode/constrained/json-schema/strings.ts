/** The contents of JSON strings with given demands. */

import { utf8 } from '../../../text/bytes.ts';
import { anyCodePoint } from '../automaton/code-points.ts';
import { matches } from '../automaton/derivative.ts';
import type { Expression } from '../automaton/expression.ts';
import { lowerRegex } from '../regex/lower.ts';
import { parseRegex, type Regex } from '../regex/parse.ts';
import type { SchemaCompiler } from './compile.ts';
import { formats, numberFormats } from './formats.ts';
import { unsupported } from './reader.ts';
import type { Shape } from './shape.ts';

/**
 * @param path Where the schema stands, for errors.
 * @throws QuickstepError 'unsupported' for a format or pattern that is not supported, 'bad-option' when it is too hard to
 * find out whether a string meets all demands
 */
export function stringExpression(compiler: SchemaCompiler, shape: Shape, path: string): Expression {
  const { make, text } = compiler;
  const { patterns, notPatterns, formats: names, length } = shape;
  const excluded = shape.excluded.filter((value) => typeof value === 'string');
  const demands = [
    ...patterns.map(({ regex }) => patternExpression(compiler, regex, true)),
    ...names.flatMap((name) => formatExpression(compiler, name, path)),
    ...notPatterns.map(({ regex }) => make.not(patternExpression(compiler, regex, true))),
    ...(excluded.length > 0 ? [make.not(text.contents(excluded))] : []),
  ];
  // A single character has several ways to be written; only where no demand looks at it may it be any of them.
  const character = demands.length > 0 ? text.write(anyCodePoint) : text.anyCharacter;
  return make.both(make.repeat(character, length.min, length.max), ...demands);
}

/** Makes a test of whether a string meets the demands. */
export function stringTest(compiler: SchemaCompiler, shape: Shape, path: string): (value: string) => boolean {
  const { patterns, notPatterns, formats: names, length } = shape;
  const isPlain = patterns.length + notPatterns.length + names.length === 0;
  // Written down once, and only if there is a string to test.
  let demanded: Expression | undefined;
  return (value) => {
    const size = [...value].length;
    if (size < length.min || size > length.max) return false;
    if (isPlain) return true;
    demanded ??= stringExpression(compiler, shape, path);
    return matches(compiler.make, demanded, utf8(JSON.stringify(value).slice(1, -1)));
  };
}

/** Strings in which a pattern matches: anywhere, or as a whole. */
export function patternExpression(
  { make, text }: SchemaCompiler,
  regex: Regex,
  anywhere: boolean,
): Expression {
  return lowerRegex(regex, { make, write: (set) => text.write(set), anywhere });
}

function formatExpression(compiler: SchemaCompiler, name: string, path: string): Expression[] {
  if (Object.hasOwn(numberFormats, name)) return [];
  if (!Object.hasOwn(formats, name)) throw unsupported(`format "${name.slice(0, 40)}"`, path);
  return [patternExpression(compiler, parseRegex(formats[name]), false)];
}
