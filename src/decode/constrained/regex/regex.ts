/** The texts that a regular expression matches from their first to their last character. */

import { intersection } from '../automaton/code-points.ts';
import { Expressions } from '../automaton/expression.ts';
import { automatonOf } from '../automaton/pushdown.ts';
import { character } from '../automaton/utf8.ts';
import type { Language } from '../language.ts';
import { lowerRegex } from './lower.ts';
import { parseRegex } from './parse.ts';

/**
 * @param source In ECMAScript's notation, without slashes and flags: `\d{4}-\d\d`.
 * @throws QuickstepError 'bad-option' for a broken expression, 'unsupported' for backreferences, lookbehind, `\b`
 */
export function regexLanguage(source: string): Language {
  const regex = parseRegex(source);
  return {
    compile(alphabet) {
      const make = new Expressions();
      const write = (set: typeof alphabet) => character(make, intersection(set, alphabet));
      const root = lowerRegex(regex, { make, write, anywhere: false });
      return automatonOf(make, root, 'The regular expression');
    },
  };
}
