/**
 * Regular expressions over bytes with intersection and complement, and calls of rules: the one form that every front
 * end is turned into. Expressions are interned, so that equal ones are identical, and kept in a normal form in which
 * choices are sets; both make the derivatives of an expression finitely many (Brzozowski 1964; Owens, Reppy and
 * Turon 2009). Counted repetition stays a count: `x{0,60000}` is one expression.
 */

import { QuickstepError } from '../../../errors.ts';
import { type ByteSet, byteRange, isEmptySet, unionOf } from './byte-set.ts';
import { prune, type Row } from './derivative.ts';

/** A rule of a grammar; its body may call any rule. */
export interface Rule {
  readonly index: number;
  readonly name: string;
  body: Expression;
  /** Fewest bytes of a text of the rule, and its component of the left-call graph; set by `bindRules`. */
  shortest: number;
  component: { readonly index: number; readonly recursive: boolean };
}

export type Form =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'bytes'; readonly set: ByteSet }
  | { readonly kind: 'concat'; readonly head: Expression; readonly tail: Expression }
  | { readonly kind: 'choice'; readonly parts: readonly Expression[] }
  | { readonly kind: 'both'; readonly parts: readonly Expression[] }
  | { readonly kind: 'not'; readonly body: Expression }
  | {
      readonly kind: 'repeat';
      readonly body: Expression;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: 'call'; readonly rule: Rule }
  /** Digits that, written behind a number with this remainder, make a multiple of `step`. */
  | { readonly kind: 'multiple'; readonly step: number; readonly remainder: number };

export type Expression = Form & {
  readonly id: number;
  /** Whether the empty text matches; of calls see `bindRules`. */
  readonly nullable: boolean;
  /** Whether no rule is called. */
  readonly regular: boolean;
  /** Computed when asked for; see derivative.ts. */
  row?: Row;
  shortest?: number;
  calls?: readonly Call[];
};

/** A rule that an expression may begin with, and what follows it. */
export interface Call {
  readonly rule: Rule;
  readonly rest: Expression;
}

/** Expressions of one front end's output; a schema of a megabyte takes some 100,000. */
const maxBuilt = 1_000_000;
/** Parts of one choice: a set of states that grows beyond this is not worth following. */
const maxParts = 2_000;
/** Interned expressions at run time; the table starts afresh beyond, which costs sharing but no correctness. */
const maxInterned = 1_000_000;

export const tooComplex = (what: string): QuickstepError =>
  new QuickstepError('bad-option', `The constraint is too complex: ${what}.`, 'Simplify or split it.');

/** Makes expressions. Those of different makers do not mix. */
export class Expressions {
  readonly nothing: Expression;
  readonly empty: Expression;
  readonly #table = new Map<string, Expression>();
  readonly #ranges = new Map<number, Expression>();
  readonly #rules: Rule[] = [];
  #next = 0;
  #work = 0;
  #sealed = false;

  constructor() {
    this.nothing = this.#intern('n', { kind: 'nothing' }, false, true);
    this.empty = this.#intern('e', { kind: 'empty' }, true, true);
  }

  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** Parts of all choices and intersections looked at so far: what making expressions costs. */
  get work(): number {
    return this.#work;
  }

  /** Ends building: from now on the table of interned expressions is a bounded cache. */
  seal(): void {
    this.#sealed = true;
  }

  #intern(key: string, form: Form, nullable: boolean, regular: boolean): Expression {
    const known = this.#table.get(key);
    if (known) return known;
    if (!this.#sealed && this.#next >= maxBuilt) throw tooComplex(`it has more than ${maxBuilt} parts`);
    if (this.#table.size >= maxInterned) this.#table.clear();
    const made = { ...form, id: this.#next++, nullable, regular } as Expression;
    this.#table.set(key, made);
    return made;
  }

  bytes(set: ByteSet): Expression {
    if (isEmptySet(set)) return this.nothing;
    return this.#intern(`b${set.join()}`, { kind: 'bytes', set }, false, true);
  }

  /** A byte from `first` to `last`. */
  range(first: number, last = first): Expression {
    const key = first * 256 + last;
    const range = this.#ranges.get(key) ?? this.bytes(byteRange(first, last));
    this.#ranges.set(key, range);
    return range;
  }

  concat(...given: readonly Expression[]): Expression {
    return this.sequence(given);
  }

  /** As `concat`, of any number of parts. */
  sequence(given: readonly Expression[]): Expression {
    if (given.includes(this.nothing)) return this.nothing;
    const parts = given.filter((part) => part !== this.empty);
    // The last part is shared as it stands; those before it are opened, so that no head is a concatenation.
    const last = parts.pop() ?? this.empty;
    const heads: Expression[] = [];
    for (const part of parts) {
      let rest = part;
      for (; rest.kind === 'concat'; rest = rest.tail) heads.push(rest.head);
      heads.push(rest);
    }
    return heads.reduceRight((tail, head) => this.#pair(head, tail), last);
  }

  #pair(head: Expression, tail: Expression): Expression {
    const nullable = head.nullable && tail.nullable;
    const form = { kind: 'concat', head, tail } as const;
    return this.#intern(`c${head.id},${tail.id}`, form, nullable, head.regular && tail.regular);
  }

  choice(...parts: readonly Expression[]): Expression {
    return this.alternatives(parts);
  }

  /** As `choice`, of any number of parts. */
  alternatives(parts: readonly Expression[]): Expression {
    const flat = new Set<Expression>();
    const sets: ByteSet[] = [];
    for (const part of parts) {
      for (const member of part.kind === 'choice' ? part.parts : [part]) {
        if (member.kind === 'bytes') sets.push(member.set);
        else if (member.kind !== 'nothing') flat.add(member);
      }
    }
    if (sets.length > 0) flat.add(this.bytes(sets.length === 1 ? sets[0] : unionOf(sets)));
    if (flat.size > 1 && [...flat].some((part) => part.nullable && part !== this.empty)) {
      flat.delete(this.empty);
    }
    this.#work += 1 + flat.size;
    const members = [...flat].sort((a, b) => a.id - b.id);
    if (members.length < 2) return members[0] ?? this.nothing;
    if (members.length > maxParts) throw tooComplex(`a choice has more than ${maxParts} alternatives`);
    const key = `|${members.map(({ id }) => id).join()}`;
    const nullable = members.some((part) => part.nullable);
    const regular = members.every((part) => part.regular);
    return this.#intern(key, { kind: 'choice', parts: members }, nullable, regular);
  }

  optional(part: Expression): Expression {
    return this.choice(this.empty, part);
  }

  /** `min` to `max` times; `max` may be Infinity. */
  repeat(body: Expression, min: number, max: number): Expression {
    if (min > max) return this.nothing;
    if (body === this.nothing) return min === 0 ? this.empty : body;
    if (max === 0 || body === this.empty) return this.empty;
    if (min === 1 && max === 1) return body;
    const least = body.nullable ? 0 : min;
    if (body.kind === 'repeat' && body.max === Number.POSITIVE_INFINITY && body.min <= 1) {
      if (max === Number.POSITIVE_INFINITY && least <= 1) {
        return this.repeat(body.body, Math.min(body.min, least), max);
      }
    }
    const form = { kind: 'repeat', body, min: least, max } as const;
    return this.#intern(`r${body.id},${least},${max}`, form, least === 0, body.regular);
  }

  /**
   * Texts that match all of the regular expressions; `nothing` when there are none.
   * @throws QuickstepError 'bad-option' when that is too hard to find out
   */
  both(...parts: readonly Expression[]): Expression {
    return prune(this, this.unprunedBoth(parts));
  }

  /** As `both`, without looking for a text. */
  unprunedBoth(parts: readonly Expression[]): Expression {
    const flat = new Set<Expression>();
    for (const part of parts) {
      if (part === this.nothing) return part;
      for (const member of part.kind === 'both' ? part.parts : [part]) flat.add(member);
    }
    this.#work += 1 + flat.size;
    const members = [...flat].sort((a, b) => a.id - b.id);
    if (members.length === 1) return members[0];
    if (members.some(({ regular }) => !regular)) throw new Error('an intersection calls a rule');
    const nullable = members.every((part) => part.nullable);
    const key = `&${members.map(({ id }) => id).join()}`;
    return this.#intern(key, { kind: 'both', parts: members }, nullable, true);
  }

  /** Byte strings that do not match a regular expression. */
  not(body: Expression): Expression {
    if (body.kind === 'not') return body.body;
    if (!body.regular) throw new Error('a complement calls a rule');
    return this.#intern(`!${body.id}`, { kind: 'not', body }, !body.nullable, true);
  }

  /** Digits, if any, that complete a number with this remainder to a multiple of `step`. */
  multiple(step: number, remainder = 0): Expression {
    const form = { kind: 'multiple', step, remainder } as const;
    return this.#intern(`m${step},${remainder}`, form, remainder === 0, true);
  }

  /** A new rule, whose body is set later. */
  rule(name: string): Rule {
    const component = { index: 0, recursive: false };
    const index = this.#rules.length;
    const rule = { index, name, body: this.nothing, shortest: Number.POSITIVE_INFINITY, component };
    this.#rules.push(rule);
    return rule;
  }

  call(rule: Rule): Expression {
    return this.#intern(`>${rule.index}`, { kind: 'call', rule }, false, false);
  }
}
