/** From the tree of a regular expression to an expression over bytes. */

import { QuickstepError } from '../../../errors.ts';
import type { CodePoints } from '../automaton/code-points.ts';
import { anyCodePoint } from '../automaton/code-points.ts';
import type { Expression, Expressions } from '../automaton/expression.ts';
import type { Regex } from './parse.ts';

export interface LowerOptions {
  make: Expressions;
  /** How a character of a set is written: in UTF-8, or as in a JSON string. */
  write(set: CodePoints): Expression;
  /** The match may lie anywhere in the text, as in JSON Schema's `pattern`; otherwise it is the text. */
  anywhere: boolean;
}

/**
 * @throws QuickstepError 'unsupported' for an anchor or lookahead inside a group or repetition, and for `^` in a lookahead
 * that may stand elsewhere than at the start of the text
 */
export function lowerRegex(regex: Regex, { make, write, anywhere }: LowerOptions): Expression {
  const rest = (set: CodePoints) => make.repeat(write(set), 0, Number.POSITIVE_INFINITY);
  const around = anywhere ? rest(anyCodePoint) : make.empty;
  const everything = make.not(make.nothing);

  function inner(node: Regex): Expression {
    switch (node.kind) {
      case 'characters':
        return write(node.set);
      case 'sequence':
        return make.sequence(node.parts.map(inner));
      case 'alternatives':
        return make.alternatives(node.parts.map(inner));
      case 'repeat':
        return make.repeat(inner(node.body), node.min, node.max);
      default: {
        const what = node.kind === 'ahead' ? 'Lookahead' : 'An anchor';
        const hint = 'Write the alternatives out, each with its own.';
        throw new QuickstepError(
          'unsupported',
          `${what} inside of a group or repetition is not supported.`,
          hint,
        );
      }
    }
  }

  /**
   * A node from which on nothing but itself matches up to the end of the text.
   * @param atStart Whether the node stands at the start of the text; undefined where `^` puts it there.
   */
  function outer(node: Regex, before: Expression, after: Expression, atStart?: boolean): Expression {
    if (node.kind === 'alternatives') {
      return make.alternatives(node.parts.map((part) => outer(part, before, after, atStart)));
    }
    let parts = node.kind === 'sequence' ? node.parts : [node];
    if (parts.length === 1 && (parts[0].kind === 'sequence' || parts[0].kind === 'alternatives')) {
      return outer(parts[0], before, after, atStart);
    }
    let lead = before;
    let tail = after;
    while (parts[0]?.kind === 'start' && atStart !== false) {
      parts = parts.slice(1);
      lead = make.empty;
    }
    while (parts.at(-1)?.kind === 'end') {
      parts = parts.slice(0, -1);
      tail = make.empty;
    }
    const started = lead === make.empty && atStart !== false;
    const matched = parts.reduceRight((following, part, index) => {
      if (part.kind !== 'ahead') return make.concat(inner(part), following);
      const first = started && parts.slice(0, index).every(({ kind }) => kind === 'ahead');
      const ahead = outer(part.body, make.empty, everything, first);
      return make.both(part.negative ? make.not(ahead) : ahead, following);
    }, tail);
    return make.concat(lead, matched);
  }
  return outer(regex, around, around);
}
