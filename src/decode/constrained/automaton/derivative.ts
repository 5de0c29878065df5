/**
 * Derivatives of expressions: what may follow a first byte (Brzozowski 1964), by classes of bytes that an expression
 * cannot tell apart, and what they tell: calls at the beginning, the shortest text, emptiness.
 */

import { type ByteSet, byteClasses, byteRange, hasByte } from './byte-set.ts';
import { type Call, type Expression, type Expressions, tooComplex } from './expression.ts';

/** All derivatives of an expression. */
export interface Row {
  /** [256] */
  readonly classOf: Uint8Array;
  readonly derivatives: readonly Expression[];
}

const digitSets = Array.from({ length: 10 }, (_, digit) => byteRange(0x30 + digit));

/** Work to find out whether an intersection has a text, see `Expressions.work`. */
const maxSearched = 100_000;

/** What may follow `byte` where `expression` stands, leaving aside texts that begin with a rule. */
export function derive(make: Expressions, expression: Expression, byte: number): Expression {
  const { derivatives, classOf } = rowOf(make, expression);
  return derivatives[classOf[byte]];
}

/** Whether a text matches a regular expression: quicker than looking for what both have in common, and nothing is built. */
export const matches = (make: Expressions, expression: Expression, text: Uint8Array): boolean =>
  text.reduce((rest, byte) => derive(make, rest, byte), expression).nullable;

/** All derivatives, computed once. */
export function rowOf(make: Expressions, expression: Expression): Row {
  expression.row ??= newRow(make, expression);
  return expression.row;
}

function newRow(make: Expressions, expression: Expression): Row {
  const sets = new Set<ByteSet>();
  collectFirst(expression, sets);
  const { classOf, representatives } = byteClasses(sets);
  const derivatives = representatives.map((byte) => {
    const found: Expression[] = [];
    collect(make, expression, byte, make.empty, found);
    return make.alternatives(found);
  });
  return { classOf, derivatives };
}

/** The sets that the first byte is compared with. */
function collectFirst(expression: Expression, out: Set<ByteSet>): void {
  for (let e = expression; ; ) {
    if (e.kind === 'bytes') out.add(e.set);
    else if (e.kind === 'multiple') for (const digit of digitSets) out.add(digit);
    else if (e.kind === 'choice' || e.kind === 'both') for (const part of e.parts) collectFirst(part, out);
    else if (e.kind === 'repeat' || e.kind === 'not') collectFirst(e.body, out);
    if (e.kind !== 'concat') return;
    collectFirst(e.head, out);
    if (!e.head.nullable) return;
    e = e.tail;
  }
}

/** Adds the alternatives of the derivative of `expression` followed by `rest`. */
function collect(
  make: Expressions,
  expression: Expression,
  byte: number,
  rest: Expression,
  out: Expression[],
) {
  for (let e = expression; ; ) {
    if (e.kind === 'bytes') {
      if (hasByte(e.set, byte)) out.push(rest);
    } else if (e.kind === 'choice') {
      for (const part of e.parts) collect(make, part, byte, rest, out);
    } else if (e.kind === 'repeat') {
      const again = make.repeat(e.body, Math.max(0, e.min - 1), e.max - 1);
      collect(make, e.body, byte, make.concat(again, rest), out);
    } else if (e.kind === 'multiple') {
      const digit = digitSets.findIndex((set) => hasByte(set, byte));
      if (digit >= 0) out.push(make.concat(make.multiple(e.step, (e.remainder * 10 + digit) % e.step), rest));
    } else if (e.kind === 'both' || e.kind === 'not') {
      const derived = prune(make, deriveSet(make, e, byte));
      if (derived !== make.nothing) out.push(make.concat(derived, rest));
    }
    if (e.kind !== 'concat') return;
    collect(make, e.head, byte, make.concat(e.tail, rest), out);
    if (!e.head.nullable) return;
    e = e.tail;
  }
}

type Concat = Extract<Expression, { kind: 'concat' }>;
type SetForm = Extract<Expression, { kind: 'both' | 'not' }>;

function deriveSet(make: Expressions, e: SetForm, byte: number): Expression {
  if (e.kind === 'not') return make.not(derive(make, e.body, byte));
  return make.unprunedBoth(e.parts.map((part) => derive(make, part, byte)));
}

/** The rules that `expression` may begin with. */
export function callsOf(make: Expressions, expression: Expression): readonly Call[] {
  if (expression.regular) return [];
  if (!expression.calls) {
    const calls: Call[] = [];
    collectCalls(make, expression, make.empty, calls);
    expression.calls = calls;
  }
  return expression.calls;
}

function collectCalls(make: Expressions, expression: Expression, rest: Expression, out: Call[]): void {
  for (let e = expression; !e.regular; ) {
    if (e.kind === 'call') out.push({ rule: e.rule, rest });
    else if (e.kind === 'choice') for (const part of e.parts) collectCalls(make, part, rest, out);
    else if (e.kind === 'repeat') {
      const again = make.repeat(e.body, Math.max(0, e.min - 1), e.max - 1);
      collectCalls(make, e.body, make.concat(again, rest), out);
    }
    if (e.kind !== 'concat') return;
    collectCalls(make, e.head, make.concat(e.tail, rest), out);
    if (!e.head.nullable) return;
    e = e.tail;
  }
}

/**
 * An expression that allows the same for the next `bytes` bytes, and needs as many to an end: counts of a repetition that
 * cannot be used up in so few are one and the same. Looks at what the expression, or its alternatives, are made of, no
 * deeper.
 */
export function countedWithin(make: Expressions, expression: Expression, bytes: number): Expression {
  if (expression.kind !== 'choice') return chainWithin(make, expression, bytes);
  return make.alternatives(expression.parts.map((part) => chainWithin(make, part, bytes)));
}

function chainWithin(make: Expressions, expression: Expression, bytes: number): Expression {
  const parts: Expression[] = [];
  let rest = expression;
  let changed = false;
  for (let before = 0; before <= bytes && parts.length <= bytes; ) {
    const part = rest.kind === 'concat' ? rest.head : rest;
    const counted = repeatWithin(make, part, bytes);
    if (counted !== part) changed = true;
    parts.push(counted);
    if (rest.kind !== 'concat') return changed ? make.concat(...parts) : expression;
    before += shortestOf(make, part);
    rest = rest.tail;
  }
  return changed ? make.concat(...parts, rest) : expression;
}

function repeatWithin(make: Expressions, part: Expression, bytes: number): Expression {
  if (part.kind !== 'repeat' || part.max <= bytes || part.max === Number.POSITIVE_INFINITY) return part;
  return make.repeat(part.body, part.min, Math.max(part.min, bytes + 1));
}

/** The expression, or `nothing` when no text matches it. */
export function prune(make: Expressions, expression: Expression): Expression {
  const isSet = expression.kind === 'both' || expression.kind === 'not';
  return isSet && shortestOf(make, expression) === Number.POSITIVE_INFINITY ? make.nothing : expression;
}

/** Fewest bytes of a text that matches; Infinity when there is none. Calls need bound rules, see `bindRules`. */
export function shortestOf(make: Expressions, expression: Expression): number {
  expression.shortest ??= measure(make, expression);
  return expression.shortest;
}

function measure(make: Expressions, e: Expression): number {
  switch (e.kind) {
    case 'nothing':
      return Number.POSITIVE_INFINITY;
    case 'empty':
      return 0;
    case 'bytes':
      return 1;
    case 'concat': {
      // Noted of every tail, as states come to all of them.
      const open: Concat[] = [];
      let rest: Expression = e;
      for (; rest.kind === 'concat' && rest.shortest === undefined; rest = rest.tail) open.push(rest);
      let total = shortestOf(make, rest);
      for (const part of open.reverse()) {
        total += shortestOf(make, part.head);
        part.shortest = total;
      }
      return total;
    }
    case 'choice':
      return Math.min(...e.parts.map((part) => shortestOf(make, part)));
    case 'repeat':
      return e.min === 0 ? 0 : e.min * shortestOf(make, e.body);
    case 'call':
      return e.rule.shortest;
    case 'multiple':
      return digitsToMultiple(e.step, e.remainder);
    default:
      return search(make, e);
  }
}

/** The least k for which some number below 10^k completes the remainder. */
function digitsToMultiple(step: number, remainder: number): number {
  for (let digits = 0, shifted = remainder; ; digits++, shifted = (shifted * 10) % step) {
    if ((step - shifted) % step < 10 ** digits) return digits;
  }
}

/** Breadth-first search for the shortest text of an intersection or complement; notes what it learns on its way. */
function search(make: Expressions, start: SetForm): number {
  const from = new Map<Expression, Expression | undefined>([[start, undefined]]);
  const before = make.work;
  let best = Number.POSITIVE_INFINITY;
  let end: { at: Expression; shortest: number } | undefined;
  let level: Expression[] = [start];
  for (let depth = 0; level.length > 0 && depth < best; depth++) {
    const next: Expression[] = [];
    for (const e of level) {
      const known = e.nullable ? 0 : knownShortest(make, e);
      if (known !== undefined) {
        if (depth + known >= best) continue;
        best = depth + known;
        end = { at: e, shortest: known };
        continue;
      }
      const sets = new Set<ByteSet>();
      collectFirst(e, sets);
      for (const byte of byteClasses(sets).representatives) {
        const derived = deriveSet(make, e as SetForm, byte);
        if (from.has(derived)) continue;
        from.set(derived, e);
        next.push(derived);
      }
      if (make.work - before > maxSearched) throw tooComplex('whether its parts have a text in common');
    }
    level = next;
  }
  if (!end) for (const e of from.keys()) e.shortest = best;
  let shortest = end?.shortest ?? 0;
  for (let e = end?.at; e; e = from.get(e)) e.shortest = shortest++;
  return best;
}

/** What is known without a search. */
function knownShortest(make: Expressions, e: Expression): number | undefined {
  if (e.shortest !== undefined) return e.shortest;
  return e.kind === 'both' || e.kind === 'not' ? undefined : shortestOf(make, e);
}
