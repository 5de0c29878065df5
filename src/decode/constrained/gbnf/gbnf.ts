/** The texts of a context-free grammar. */

import { QuickstepError } from '../../../errors.ts';
import { type CodePoints, intersection } from '../automaton/code-points.ts';
import { Expressions } from '../automaton/expression.ts';
import { automatonOf } from '../automaton/pushdown.ts';
import { character } from '../automaton/utf8.ts';
import type { Language } from '../language.ts';
import { GbnfParser } from './parse.ts';

const maxLength = 1_000_000;

/**
 * @param source Rules in GBNF notation, among them `root`. Left recursion and ambiguity are welcome.
 * @throws QuickstepError on compiling: 'bad-option' for a broken grammar or one without a finite text, 'unsupported' for
 * tokens in it
 */
export function gbnfLanguage(source: string): Language {
  if (source.length > maxLength) {
    const hint = `At most ${maxLength} are read.`;
    throw new QuickstepError('bad-option', `The grammar has ${source.length} characters.`, hint);
  }
  return {
    compile(alphabet) {
      const make = new Expressions();
      const write = (set: CodePoints) => character(make, intersection(set, alphabet));
      return automatonOf(make, new GbnfParser(source, make, write).parse(), 'The grammar');
    },
  };
}
