/**
 * GBNF, the notation for context-free grammars of llama.cpp: rules `name ::= …` with literals, character classes,
 * groups and repetition, read into expressions as it goes. The text begins with the rule `root`.
 */

import { QuickstepError } from '../../../errors.ts';
import {
  anyCodePoint,
  type CodePoints,
  charactersOf,
  codePoints,
  complement,
  unionOf,
} from '../automaton/code-points.ts';
import type { Expression, Expressions, Rule } from '../automaton/expression.ts';

const maxDepth = 200;
const maxCount = 1_000_000;
const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

export class GbnfParser {
  readonly #source: string;
  readonly #make: Expressions;
  readonly #write: (set: CodePoints) => Expression;
  readonly #rules = new Map<string, Rule>();
  readonly #defined = new Set<string>();
  #at = 0;
  #depth = 0;

  /** @param write How one character of a set is written. */
  constructor(source: string, make: Expressions, write: (set: CodePoints) => Expression) {
    this.#source = source;
    this.#make = make;
    this.#write = write;
  }

  /**
   * All rules; the one to begin with.
   * @throws QuickstepError 'bad-option' for a broken grammar, naming the line
   */
  parse(): Expression {
    for (this.#space(); this.#at < this.#source.length; this.#space()) this.#rule();
    for (const name of ['root', ...this.#rules.keys()]) {
      if (this.#defined.has(name)) continue;
      throw new QuickstepError(
        'bad-option',
        `The grammar has no rule "${name}".`,
        'Write one, or correct the name.',
      );
    }
    return this.#make.call(this.#ruleNamed('root'));
  }

  #broken(problem: string): QuickstepError {
    const line = this.#source.slice(0, this.#at).split('\n').length;
    return new QuickstepError('bad-option', `Line ${line} of the grammar ${problem}.`, 'Correct it.');
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match) this.#at += match[0].length;
    return match;
  }

  /** Blanks, line ends and comments. */
  #space(): void {
    this.#match(/(?:\s|#[^\n]*)*/y);
  }

  #ruleNamed(name: string): Rule {
    const rule = this.#rules.get(name) ?? this.#make.rule(name);
    this.#rules.set(name, rule);
    return rule;
  }

  #rule(): void {
    const name = this.#match(/([a-zA-Z0-9_-]+)\s*::=/y)?.[1];
    if (name === undefined) throw this.#broken('is no rule "name ::= …"');
    if (this.#defined.has(name)) throw this.#broken(`defines the rule "${name}" again`);
    this.#defined.add(name);
    const body = this.#alternatives();
    if (this.#at < this.#source.length && !this.#startsRule())
      throw this.#broken('goes on in a way that is not known');
    this.#ruleNamed(name).body = body;
  }

  #startsRule(): boolean {
    const start = /[a-zA-Z0-9_-]+\s*::=/y;
    start.lastIndex = this.#at;
    return start.test(this.#source);
  }

  #alternatives(): Expression {
    if (++this.#depth > maxDepth) throw this.#broken(`nests deeper than ${maxDepth} groups`);
    const parts = [this.#sequence()];
    while (this.#match(/\|/y)) parts.push(this.#sequence());
    this.#depth--;
    return this.#make.alternatives(parts);
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    for (;;) {
      this.#space();
      if (this.#startsRule()) break;
      const atom = this.#atom();
      if (!atom) break;
      parts.push(this.#repeated(atom));
    }
    return this.#make.sequence(parts);
  }

  #repeated(body: Expression): Expression {
    let expression = body;
    for (;;) {
      const match = this.#match(/\s*(?:([*+?])|\{\s*(\d+)\s*(?:(,)\s*(\d*)\s*)?\})/y);
      if (!match) return expression;
      const [, sign, least, comma, most] = match;
      const min = sign ? (sign === '+' ? 1 : 0) : Number(least);
      let max = sign ? (sign === '?' ? 1 : Number.POSITIVE_INFINITY) : min;
      if (comma) max = most ? Number(most) : Number.POSITIVE_INFINITY;
      if (min > max) throw this.#broken('has a repetition with its numbers out of order');
      if (min > maxCount || (max > maxCount && Number.isFinite(max))) throw this.#broken('repeats too often');
      expression = this.#make.repeat(expression, min, max);
    }
  }

  #atom(): Expression | undefined {
    const name = this.#match(/[a-zA-Z0-9_-]+/y)?.[0];
    if (name !== undefined) return this.#make.call(this.#ruleNamed(name));
    if (this.#match(/\./y)) return this.#write(anyCodePoint);
    if (this.#match(/"/y)) return this.#literal();
    if (this.#match(/\[/y)) return this.#write(this.#class());
    if (this.#match(/\(/y)) {
      const group = this.#alternatives();
      this.#space();
      if (!this.#match(/\)/y)) throw this.#broken('lacks a ")"');
      return group;
    }
    if (this.#match(/!?</y)) {
      const hint = 'Write its text as a literal.';
      throw new QuickstepError(
        'unsupported',
        'Tokens in a grammar (<name>, <[id]>) are not supported.',
        hint,
      );
    }
    return undefined;
  }

  #character(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined || code === 0x0a) throw this.#broken('ends within a literal or class');
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    if (character !== '\\') return character;
    const hex = this.#match(/x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})/y);
    if (hex) {
      const value = Number.parseInt(hex[1] ?? hex[2] ?? hex[3], 16);
      if (value > 0x10ffff) throw this.#broken('names a character beyond U+10FFFF');
      return String.fromCodePoint(value);
    }
    const escaped = this.#match(/[nrt"\\[\]^\-/'.]/y)?.[0];
    if (escaped === undefined) throw this.#broken('has an escape that is not known');
    return escapes[escaped] ?? escaped;
  }

  #literal(): Expression {
    const characters: Expression[] = [];
    while (!this.#match(/"/y)) characters.push(this.#write(charactersOf(this.#character())));
    return this.#make.sequence(characters);
  }

  #class(): CodePoints {
    const negative = this.#match(/\^/y) !== null;
    const members: CodePoints[] = [];
    while (!this.#match(/\]/y)) {
      const first = this.#character();
      const last = this.#match(/-(?!\])/y) ? this.#character() : first;
      if (first.codePointAt(0)! > last.codePointAt(0)!) throw this.#broken('has a range out of order');
      members.push(codePoints([first.codePointAt(0)!, last.codePointAt(0)!]));
    }
    const set = unionOf(members);
    return negative ? complement(set) : set;
  }
}
