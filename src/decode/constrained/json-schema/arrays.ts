/** Arrays: positions with schemas of their own, then any number of like items. */

import type { Expression } from '../automaton/expression.ts';
import type { SchemaCompiler } from './compile.ts';
import type { Shape } from './shape.ts';

export function arrayExpression(
  compiler: SchemaCompiler,
  { prefixItems, items, itemCount }: Shape,
): Expression {
  const { make, text, comma } = compiler;
  const { min, max } = itemCount;
  if (min > max) return make.nothing;
  const prefix = prefixItems.length;
  // Behind positions of their own nothing is added that the schema does not speak of, unless it wants more.
  const open = items !== undefined || prefix === 0 || min > prefix;
  const like = compiler.value(items ?? []);
  const more = make.repeat(
    make.concat(comma, like),
    Math.max(0, min - Math.max(prefix, 1)),
    max - Math.max(prefix, 1),
  );
  let rest = open && max > prefix ? more : make.empty;
  if (prefix === 0) rest = max > 0 ? make.concat(like, rest) : make.nothing;
  for (let index = prefix - 1; index >= 0; index--) {
    const behind = index + 1 < min ? rest : make.optional(rest);
    const here = make.concat(index > 0 ? comma : make.empty, compiler.value(prefixItems[index]), behind);
    rest = index < max ? here : make.nothing;
  }
  return make.concat(text.literal('['), min > 0 ? rest : make.optional(rest), text.literal(']'));
}
