/**
 * Numbers as JSON writes them, within bounds. Bounds compare digits from the left, so a range is the intersection of
 * two regular expressions. Bounded and whole numbers have no exponent and no negative zero; as many digits as a double
 * holds exactly keep what is written on the same side of a bound as what is read.
 */

import { type CodePoints, charactersOf, codePoints, intersection } from '../automaton/code-points.ts';
import type { Expression, Expressions } from '../automaton/expression.ts';
import { character } from '../automaton/utf8.ts';
import { unsupported } from './reader.ts';
import type { Shape } from './shape.ts';

/** Digits before and behind the point. */
const wholeDigits = 15;
const exactDigits = 15;
/** Remainders of a multiple are states. */
const maxStep = 2_000;

export class JsonNumbers {
  readonly #make: Expressions;
  readonly #alphabet: CodePoints;

  constructor(make: Expressions, alphabet: CodePoints) {
    this.#make = make;
    this.#alphabet = alphabet;
  }

  #one(text: string): Expression {
    return character(this.#make, intersection(charactersOf(text), this.#alphabet));
  }

  #digits(first: number, last: number): Expression {
    if (first > last) return this.#make.nothing;
    return character(this.#make, intersection(codePoints([0x30 + first, 0x30 + last]), this.#alphabet));
  }

  #any(min: number, max: number): Expression {
    return this.#make.repeat(this.#digits(0, 9), min, max);
  }

  /** Whole numbers from 0, up to `digits` digits. */
  #whole(digits: number): Expression {
    const make = this.#make;
    return make.choice(this.#digits(0, 0), make.concat(this.#digits(1, 9), this.#any(0, digits - 1)));
  }

  #fraction(digits: number): Expression {
    return this.#make.concat(this.#one('.'), this.#any(1, digits));
  }

  /** @throws QuickstepError 'unsupported' for multiples of fractions or of large numbers, or values taken out of a continuum */
  expression(shape: Shape, path: string): Expression {
    const make = this.#make;
    const { above, strictly, multiplesOf, excluded } = shape;
    const integer = shape.integer || multiplesOf.length > 0;
    const numbers = excluded.filter((value) => typeof value === 'number');
    const bounded = [above, strictly].some(({ min, max }) => Number.isFinite(min) || Number.isFinite(max));
    if (!integer && !bounded && numbers.length === 0) return this.#plain();
    if (!integer && numbers.length > 0) throw unsupported('"not" of single numbers', path);
    // What lies beyond the digits written is no bound on one side, and out of reach on the other.
    const bounds = [above.min, above.max, strictly.min, strictly.max]
      .map((bound) => Math.abs(bound))
      .filter((bound) => bound < 10 ** wholeDigits);
    const before = Math.max(1, ...bounds.map((bound) => Math.trunc(bound).toFixed(0).length));
    const behind = integer ? 0 : Math.max(1, exactDigits - before);
    const parts = [this.#signed(behind)];
    for (const [{ min, max }, strict] of [
      [above, false],
      [strictly, true],
    ] as const) {
      parts.push(this.#atLeast(min, strict), this.#atMost(max, strict));
    }
    for (const step of multiplesOf) parts.push(this.#multiples(step, path));
    for (const value of numbers) parts.push(make.not(this.#literal(JSON.stringify(value))));
    return make.both(...parts);
  }

  #literal(text: string): Expression {
    return this.#make.concat(...Array.from(text, (c) => this.#one(c)));
  }

  #plain(): Expression {
    const make = this.#make;
    const exponent = make.concat(this.#one('eE'), make.optional(this.#one('+-')), this.#any(1, 2));
    const fraction = make.optional(this.#fraction(exactDigits));
    return make.concat(
      make.optional(this.#one('-')),
      this.#whole(wholeDigits),
      fraction,
      make.optional(exponent),
    );
  }

  /** Numbers without exponent, `behind` digits after the point at most, and no negative zero. */
  #signed(behind: number): Expression {
    const make = this.#make;
    const magnitude = make.concat(
      this.#whole(wholeDigits),
      behind > 0 ? make.optional(this.#fraction(behind)) : make.empty,
    );
    return make.choice(magnitude, make.concat(this.#one('-'), make.both(magnitude, make.not(this.#zero()))));
  }

  #zero(): Expression {
    const zeros = this.#make.repeat(this.#digits(0, 0), 1, Number.POSITIVE_INFINITY);
    return this.#make.concat(
      this.#digits(0, 0),
      this.#make.optional(this.#make.concat(this.#one('.'), zeros)),
    );
  }

  /** Numbers from `bound` up. */
  #atLeast(bound: number, strict: boolean): Expression {
    const make = this.#make;
    if (bound >= 10 ** wholeDigits) return make.nothing;
    if (bound <= -(10 ** wholeDigits)) return make.not(make.nothing);
    if (bound >= 0) return this.#compared(bound, strict, true);
    return make.choice(this.#magnitude(), make.concat(this.#one('-'), this.#compared(-bound, strict, false)));
  }

  /** Numbers up to `bound`. */
  #atMost(bound: number, strict: boolean): Expression {
    const make = this.#make;
    if (bound <= -(10 ** wholeDigits)) return make.nothing;
    if (bound >= 10 ** wholeDigits) return make.not(make.nothing);
    const minus = this.#one('-');
    if (bound < 0) return make.concat(minus, this.#compared(-bound, strict, true));
    return make.choice(make.concat(minus, this.#magnitude()), this.#compared(Math.abs(bound), strict, false));
  }

  #magnitude(): Expression {
    const fraction = this.#make.optional(this.#fraction(exactDigits));
    return this.#make.concat(this.#whole(wholeDigits), fraction);
  }

  /** Numbers without sign that are larger (or smaller) than `bound` from 0, or equal to it unless `strict`. */
  #compared(bound: number, strict: boolean, larger: boolean): Expression {
    const make = this.#make;
    const [whole, fraction = ''] = decimal(bound).split('.');
    const anyFraction = make.optional(this.#fraction(exactDigits));
    const differing = make.concat(this.#wholeCompared(whole, larger), anyFraction);
    return make.choice(
      differing,
      make.concat(this.#literal(whole), this.#fractionCompared(fraction, strict, larger)),
    );
  }

  #wholeCompared(bound: string, larger: boolean): Expression {
    const make = this.#make;
    const { length } = bound;
    const shorter = larger ? make.nothing : length > 1 ? this.#whole(length - 1) : make.nothing;
    const longer = larger
      ? make.concat(this.#digits(1, 9), this.#any(length, Math.max(length, wholeDigits - 1)))
      : make.nothing;
    const same = Array.from(bound, (digit, i) => {
      const [low, high] = larger
        ? [Number(digit) + 1, 9]
        : [i === 0 && length > 1 ? 1 : 0, Number(digit) - 1];
      const rest = this.#any(length - 1 - i, length - 1 - i);
      return make.concat(this.#literal(bound.slice(0, i)), this.#digits(low, high), rest);
    });
    return make.choice(shorter, longer, ...same);
  }

  /** What may stand behind the digits of the bound before its point. */
  #fractionCompared(bound: string, strict: boolean, larger: boolean): Expression {
    const make = this.#make;
    const zeros = make.repeat(this.#digits(0, 0), 0, exactDigits);
    const equal = strict ? make.nothing : make.concat(this.#literal(bound), zeros);
    const beyond = larger
      ? make.concat(this.#literal(bound), zeros, this.#digits(1, 9), this.#any(0, exactDigits))
      : make.nothing;
    const differing = Array.from(bound, (digit, i) => {
      const [low, high] = larger ? [Number(digit) + 1, 9] : [0, Number(digit) - 1];
      return make.concat(
        this.#literal(bound.slice(0, i)),
        this.#digits(low, high),
        this.#any(0, exactDigits),
      );
    });
    // A number may stop before the bound does: it is smaller then.
    const stops = larger ? [] : Array.from(bound, (_, i) => this.#literal(bound.slice(0, i))).slice(1);
    const digits = make.both(make.choice(equal, beyond, ...differing, ...stops), this.#any(1, exactDigits));
    const none = bound === '' ? !strict : !larger;
    return make.choice(none ? make.empty : make.nothing, make.concat(this.#one('.'), digits));
  }

  #multiples(step: number, path: string): Expression {
    if (!Number.isInteger(step) || step > maxStep) throw unsupported(`"multipleOf" ${step}`, path);
    return this.#make.concat(this.#make.optional(this.#one('-')), this.#make.multiple(step));
  }
}

/** A number from 0 without exponent. */
function decimal(value: number): string {
  const text = String(value);
  const parts = /^(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!parts) return text;
  const [, whole, fraction = '', exponent] = parts;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  return point >= digits.length
    ? digits.padEnd(point, '0')
    : `${digits.slice(0, point)}.${digits.slice(point)}`;
}
