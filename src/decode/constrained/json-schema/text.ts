/** Strings as JSON writes them: expressions over the bytes of their contents, quotes left out. */

import { utf8 } from '../../../text/bytes.ts';
import {
  type CodePoints,
  charactersOf,
  codePoints,
  intersection,
  isWritable,
  without,
} from '../automaton/code-points.ts';
import type { Expression, Expressions } from '../automaton/expression.ts';
import { oneOf } from '../automaton/sequences.ts';
import { character } from '../automaton/utf8.ts';

const controls = codePoints([0, 0x1f]);
/** Characters that JSON.stringify does not write as they are. */
const escaped: CodePoints = [...controls, ...charactersOf('"\\')];

export class JsonText {
  readonly #make: Expressions;
  readonly #alphabet: CodePoints;
  readonly #written = new Map<CodePoints, Expression>();
  readonly quote: Expression;
  /** One character in any way JSON may write it, whole surrogate pairs included. */
  readonly anyCharacter: Expression;

  constructor(make: Expressions, alphabet: CodePoints) {
    this.#make = make;
    this.#alphabet = alphabet;
    this.quote = this.literal('"');
    this.anyCharacter = make.choice(character(make, without(alphabet, escaped)), this.#escape());
  }

  #escape(): Expression {
    const make = this.#make;
    const one = (text: string) => character(make, intersection(charactersOf(text), this.#alphabet));
    const hex = one('0123456789abcdefABCDEF');
    const low = make.concat(this.literal('\\u'), one('dD'), one('cdefCDEF'), hex, hex);
    const unit = make.choice(
      make.concat(one('0123456789abcefABCEF'), hex, hex, hex),
      make.concat(one('dD'), one('01234567'), hex, hex),
      make.concat(one('dD'), one('89abAB'), hex, hex, low),
    );
    return make.concat(one('\\'), make.choice(one('"\\/bfnrt'), make.concat(one('u'), unit)));
  }

  /** This text; `nothing` when the vocabulary lacks one of its characters. */
  literal(text: string): Expression {
    return this.oneOf([text]);
  }

  /** One of these texts, of those that the vocabulary can write. */
  oneOf(texts: readonly string[]): Expression {
    return oneOf(this.#make, texts.filter((text) => isWritable(text, this.#alphabet)).map(utf8));
  }

  /** A character of the set as JSON.stringify writes it: one way for each, so that patterns and `not` mean them. */
  write(set: CodePoints): Expression {
    let written = this.#written.get(set);
    if (!written) {
      written = this.#writeAnew(set);
      this.#written.set(set, written);
    }
    return written;
  }

  #writeAnew(set: CodePoints): Expression {
    const make = this.#make;
    const plain = character(make, without(intersection(set, this.#alphabet), escaped));
    const codes = intersection(set, escaped).flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    );
    const written = codes.map((code) => this.literal(JSON.stringify(String.fromCharCode(code)).slice(1, -1)));
    return make.choice(plain, ...written);
  }

  /** The contents of one of these very strings. */
  contents(texts: readonly string[]): Expression {
    return this.oneOf(texts.map((text) => JSON.stringify(text).slice(1, -1)));
  }

  quoted(contents: Expression): Expression {
    return this.#make.concat(this.quote, contents, this.quote);
  }
}
