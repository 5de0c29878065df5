/**
 * Regular expressions as ECMAScript writes them (with the flag u), as a tree. What no finite automaton can do
 * (backreferences), or what means something only between characters (`\b`, lookbehind), is refused by name.
 */

import { QuickstepError } from '../../../errors.ts';
import {
  type CodePoints,
  charactersOf,
  codePoints,
  complement,
  union,
  unionOf,
  withProperty,
} from '../automaton/code-points.ts';

export type Regex =
  | { readonly kind: 'characters'; readonly set: CodePoints }
  | { readonly kind: 'sequence' | 'alternatives'; readonly parts: readonly Regex[] }
  | { readonly kind: 'repeat'; readonly body: Regex; readonly min: number; readonly max: number }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'ahead'; readonly body: Regex; readonly negative: boolean };

const maxLength = 100_000;
const maxDepth = 200;
const maxCount = 1_000_000;
/** Each new name of a property takes tens of milliseconds, and there are over a thousand. */
const maxProperties = 50;

const digit = codePoints([0x30, 0x39]);
const word = union(digit, codePoints([0x41, 0x5a], [0x61, 0x7a]), charactersOf('_'));
const lineEnds = charactersOf('\n\r\u2028\u2029');
const blank = union(codePoints([9, 13]), charactersOf(' \u00a0\ufeff'), withProperty('Zs')!, lineEnds);
const classEscapes: Readonly<Record<string, CodePoints>> = {
  d: digit,
  D: complement(digit),
  w: word,
  W: complement(word),
  s: blank,
  S: complement(blank),
};
const controlEscapes: Readonly<Record<string, string>> = {
  t: '\t',
  n: '\n',
  r: '\r',
  f: '\f',
  v: '\v',
  0: '\0',
};

/**
 * Parses a regular expression.
 * @throws QuickstepError 'bad-option' for a broken or too large one, 'unsupported' naming what is not supported
 */
export function parseRegex(source: string): Regex {
  if (source.length > maxLength) {
    const hint = `At most ${maxLength} characters are read.`;
    throw new QuickstepError('bad-option', `The regular expression has ${source.length} characters.`, hint);
  }
  return new Parser(source).parse();
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;
  readonly #properties = new Set<string>();

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Regex {
    const regex = this.#alternatives();
    if (this.#at < this.#source.length) throw this.#broken('has a ")" too many');
    return regex;
  }

  #broken(problem: string): QuickstepError {
    const where = JSON.stringify(this.#source.slice(Math.max(0, this.#at - 20), this.#at + 20));
    return new QuickstepError(
      'bad-option',
      `The regular expression ${problem}, near ${where}.`,
      'Correct it.',
    );
  }

  #unsupported(what: string): QuickstepError {
    const hint = 'Write it without; lookahead is supported outside of groups.';
    return new QuickstepError('unsupported', `Regular expressions with ${what} are not supported.`, hint);
  }

  #peek(text: string): boolean {
    return this.#source.startsWith(text, this.#at);
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false;
    this.#at += text.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match) this.#at += match[0].length;
    return match;
  }

  #character(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) throw this.#broken('ends too early');
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    return character;
  }

  #alternatives(): Regex {
    if (++this.#depth > maxDepth) throw this.#broken(`nests deeper than ${maxDepth} groups`);
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    this.#depth--;
    return parts.length === 1 ? parts[0] : { kind: 'alternatives', parts };
  }

  #sequence(): Regex {
    const parts: Regex[] = [];
    while (this.#at < this.#source.length && !this.#peek('|') && !this.#peek(')')) {
      parts.push(this.#quantified(this.#atom()));
    }
    return { kind: 'sequence', parts };
  }

  #quantified(body: Regex): Regex {
    const [min, max] = this.#quantifier() ?? [];
    if (min === undefined || max === undefined) return body;
    if (body.kind === 'start' || body.kind === 'end' || body.kind === 'ahead') {
      throw this.#broken('repeats an assertion');
    }
    if (min > max) throw this.#broken('has a quantifier with its numbers out of order');
    if (min > maxCount || (max > maxCount && max !== Number.POSITIVE_INFINITY)) {
      throw this.#broken(`repeats more than ${maxCount} times`);
    }
    // Lazy or greedy, the texts that match are the same.
    this.#take('?');
    if (this.#match(/[*+?]/y)) throw this.#broken('repeats a quantifier');
    return { kind: 'repeat', body, min, max };
  }

  #quantifier(): [min: number, max: number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    const counts = this.#match(/\{(\d+)(?:(,)(\d*))?\}/y);
    if (!counts) return undefined;
    const [, least, comma, most] = counts;
    const min = Number(least);
    if (comma === undefined) return [min, min];
    return [min, most ? Number(most) : Number.POSITIVE_INFINITY];
  }

  #atom(): Regex {
    if (this.#take('^')) return { kind: 'start' };
    if (this.#take('$')) return { kind: 'end' };
    if (this.#take('.')) return { kind: 'characters', set: complement(lineEnds) };
    if (this.#take('[')) return { kind: 'characters', set: this.#class() };
    if (this.#take('(')) return this.#group();
    if (this.#take('\\')) return { kind: 'characters', set: this.#escape(false) };
    if (this.#match(/[*+?]/y)) throw this.#broken('repeats nothing');
    return { kind: 'characters', set: charactersOf(this.#character()) };
  }

  #group(): Regex {
    let wrap = (body: Regex): Regex => body;
    if (this.#match(/\?<?[=!]/y)) {
      const assertion = this.#source.slice(this.#at - 2, this.#at);
      if (assertion.startsWith('<')) throw this.#unsupported('lookbehind');
      wrap = (body) => ({ kind: 'ahead', body, negative: assertion === '?!' });
    } else if (!this.#match(/\?:|\?<[\p{L}_$][\p{L}\p{N}_$]*>/uy) && this.#peek('?')) {
      throw this.#unsupported(`the group (${this.#source.slice(this.#at, this.#at + 3)}`);
    }
    const body = this.#alternatives();
    if (!this.#take(')')) throw this.#broken('lacks a ")"');
    return wrap(body);
  }

  /** The characters of an escape; the backslash is read. */
  #escape(inClass: boolean): CodePoints {
    const property = this.#match(/([pP])\{([^}]*)\}/y);
    if (property) {
      this.#properties.add(property[2]);
      if (this.#properties.size > maxProperties)
        throw this.#broken(`names more than ${maxProperties} properties`);
      const set = withProperty(property[2]);
      if (!set) throw this.#unsupported(`the property \\p{${property[2].slice(0, 40)}}`);
      return property[1] === 'p' ? set : complement(set);
    }
    const hex = this.#match(
      /x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}|u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})/y,
    );
    if (hex) return this.#coded(hex);
    const control = this.#match(/c([a-zA-Z])/y);
    if (control) return charactersOf(String.fromCharCode(control[1].charCodeAt(0) % 32));
    const character = this.#character();
    const set = classEscapes[character];
    if (set) return set;
    if (inClass && character === 'b') return charactersOf('\b');
    if (/[1-9k]/.test(character)) throw this.#unsupported('backreferences');
    const named = controlEscapes[character];
    if (named === undefined && /[A-Za-z]/.test(character)) throw this.#unsupported(`\\${character}`);
    return charactersOf(named ?? character);
  }

  #coded([, byte, long, high, low, unit]: RegExpExecArray): CodePoints {
    const code = high
      ? String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)).codePointAt(0)!
      : Number.parseInt(byte ?? long ?? unit, 16);
    if (code > 0x10ffff) throw this.#broken('names a character beyond U+10FFFF');
    return codePoints([code, code]);
  }

  /** A class; the bracket is read. */
  #class(): CodePoints {
    const negative = this.#take('^');
    const members: CodePoints[] = [];
    while (!this.#take(']')) {
      const from = this.#classMember();
      if (!this.#peek('-') || this.#peek('-]')) {
        members.push(from);
        continue;
      }
      this.#take('-');
      const to = this.#classMember();
      const [first, last] = [single(from), single(to)];
      if (first === undefined || last === undefined) members.push(from, to, charactersOf('-'));
      else if (first > last) throw this.#broken('has a range out of order');
      else members.push(codePoints([first, last]));
    }
    const set = unionOf(members);
    return negative ? complement(set) : set;
  }

  #classMember(): CodePoints {
    return this.#take('\\') ? this.#escape(true) : charactersOf(this.#character());
  }
}

/** The only member of a set. */
function single(set: CodePoints): number | undefined {
  return set.length === 1 && set[0][0] === set[0][1] ? set[0][0] : undefined;
}
