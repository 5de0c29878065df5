/**
 * The automaton of bound rules. A state is a set of items: what remains of a rule, and the continuation that holds
 * once it is done, a set of such items in its turn. Sets and continuations are interned, so the stacks of all parses
 * share their tails and equal states are identical (a graph-structured stack as in generalized LR and LL parsing,
 * Tomita 1985, Scott and Johnstone 2010). A call at the end of a rule hands on the continuation it has: repetition
 * written as recursion, to the right or to the left, comes back to the state it started from.
 */

import { type ByteState, emptyLanguage } from '../language.ts';
import { bindRules } from './bind.ts';
import { commonClasses } from './byte-set.ts';
import { Closure } from './closure.ts';
import { countedWithin, derive, rowOf } from './derivative.ts';
import { type Expression, type Expressions, type Rule, tooComplex } from './expression.ts';
import { type Continuation, type Item, Items, keyOf, shortestTo } from './items.ts';

/** Interned states; beyond, the automaton forgets what it can compute again. */
const maxStates = 8_192;
/** Items of a state: a grammar that is so ambiguous is not followed. */
const maxItems = 256;

const tooAmbiguous = () => tooComplex(`a text can be read in more than ${maxItems} ways`);

export class Pushdown {
  readonly make: Expressions;
  /** After the whole text. */
  readonly end: Continuation;
  /** Grows whenever the automaton forgets. */
  epoch = 0;
  readonly #continuations = new Map<string, Continuation>();
  readonly #groups = new Map<string, Map<Rule, Continuation>>();
  readonly #states = new Map<string, PushdownState>();
  #nextContinuation = 0;
  #nextState = 0;

  constructor(make: Expressions) {
    this.make = make;
    this.end = this.newContinuation();
    this.end.items = [{ rest: make.empty, after: this.end }];
    this.end.shortest = 0;
  }

  newContinuation(): Continuation {
    return { id: this.#nextContinuation++, items: [], shortest: Number.POSITIVE_INFINITY };
  }

  /** The interned continuation of these items. */
  continuation(items: readonly Item[]): Continuation {
    const key = keyOf(items);
    let known = this.#continuations.get(key);
    if (!known) {
      known = this.newContinuation();
      known.items = items;
      known.shortest = shortestTo(this.make, items);
      this.#continuations.set(key, known);
    }
    return known;
  }

  /** The interned continuations of left-recursive rules. */
  group(key: string, create: () => Map<Rule, Continuation>): ReadonlyMap<Rule, Continuation> {
    const group = this.#groups.get(key) ?? create();
    this.#groups.set(key, group);
    return group;
  }

  state(items: readonly Item[], accepts: boolean): PushdownState {
    if (items.length > maxItems) throw tooAmbiguous();
    const key = `${accepts ? '+' : ''}${keyOf(items)}`;
    let state = this.#states.get(key);
    if (!state) {
      if (this.#states.size >= maxStates) this.#forget();
      state = new PushdownState(this, this.#nextState++, items, accepts);
      this.#states.set(key, state);
    }
    return state;
  }

  #forget(): void {
    this.#states.clear();
    this.#continuations.clear();
    this.#groups.clear();
    this.epoch++;
  }

  /** Adds what holds once `done` is reached; true when that may be the end of the text. */
  complete(done: readonly Continuation[], items: Items): boolean {
    const queue = new Set(done);
    for (const continuation of queue) {
      for (const { rest, after } of continuation.items) {
        if (after !== this.end || rest !== this.make.empty) items.add(rest, after);
        if (rest.nullable) queue.add(after);
      }
    }
    return queue.has(this.end);
  }
}

export class PushdownState implements ByteState {
  readonly key: number;
  readonly accepts: boolean;
  readonly shortest: number;
  readonly #automaton: Pushdown;
  readonly #items: readonly Item[];
  #epoch = -1;
  #active: readonly Item[] = [];
  /** [256] Bytes that no active item tells apart have one class, and one state behind them. */
  #classOf: Uint8Array = new Uint8Array(0);
  /** By class, null where no text goes on. */
  #next: (PushdownState | null | undefined)[] = [];
  /** The answer of `within`, for the last number of bytes asked about. */
  #within: { bytes: number; state: PushdownState } | undefined;
  /** The answer of `first`, null when there is none. */
  #first: PushdownState | null | undefined;

  constructor(automaton: Pushdown, key: number, items: readonly Item[], accepts: boolean) {
    this.#automaton = automaton;
    this.#items = items;
    this.key = key;
    this.accepts = accepts;
    this.shortest = accepts ? 0 : shortestTo(automaton.make, items);
  }

  next(byte: number): PushdownState | undefined {
    if (this.#epoch !== this.#automaton.epoch) this.#prepare();
    const index = this.#classOf[byte];
    let next = this.#next[index];
    if (next === undefined) {
      next = this.#step(byte);
      this.#next[index] = next;
    }
    return next ?? undefined;
  }

  within(bytes: number): PushdownState {
    if (this.#within?.bytes !== bytes) {
      const { make } = this.#automaton;
      const items = this.#items.map(({ rest, after }) => ({ rest: countedWithin(make, rest, bytes), after }));
      const same = items.every(({ rest }, i) => rest === this.#items[i].rest);
      this.#within = { bytes, state: same ? this : this.#automaton.state(items, this.accepts) };
    }
    return this.#within.state;
  }

  /** Of states that begin with a repetition: it, and what ends it. */
  first(): PushdownState | undefined {
    if (this.#first === undefined) this.#first = this.#findFirst() ?? null;
    return this.#first ?? undefined;
  }

  #findFirst(): PushdownState | undefined {
    const { make, end } = this.#automaton;
    if (this.#items.length !== 1 || this.accepts) return undefined;
    const [{ rest, after }] = this.#items;
    const parts: Expression[] = [];
    for (let e = rest; parts.at(-1)?.kind === 'repeat' || parts.length === 0; e = e.tail) {
      parts.push(e.kind === 'concat' ? e.head : e);
      if (e.kind !== 'concat') break;
    }
    const first = make.concat(...parts);
    if (parts.length < 2 || first.nullable || (first === rest && after === end)) return undefined;
    return this.#automaton.state([{ rest: first, after: end }], false);
  }

  #prepare(): void {
    this.#epoch = this.#automaton.epoch;
    this.#active = new Closure(this.#automaton, this.#items).items;
    const { make } = this.#automaton;
    this.#classOf = commonClasses(this.#active.map(({ rest }) => rowOf(make, rest).classOf));
    this.#next = [];
  }

  #step(byte: number): PushdownState | null {
    const { make } = this.#automaton;
    const items = new Items();
    const done: Continuation[] = [];
    for (const { rest, after } of this.#active) {
      const derived = derive(make, rest, byte);
      if (derived === make.nothing) continue;
      items.add(derived, after);
      if (derived.nullable) done.push(after);
    }
    if (items.size === 0) return null;
    const accepts = this.#automaton.complete(done, items);
    if (items.size > 4 * maxItems) throw tooAmbiguous();
    const list = items.toList(make).filter(({ rest }) => rest !== make.empty);
    return this.#automaton.state(list, accepts);
  }
}

/**
 * The automaton of `root` and the rules of `make`.
 * @param what Names the constraint in errors.
 * @throws QuickstepError 'bad-option' when it matches no text or is too complex
 */
export function automatonOf(make: Expressions, root: Expression, what: string): ByteState {
  const bound = bindRules(make, root);
  if (bound === make.nothing) throw emptyLanguage(what);
  make.seal();
  const automaton = new Pushdown(make);
  return automaton.state([{ rest: bound, after: automaton.end }], bound.nullable);
}
