/** The parts of a pushdown automaton's states: what remains of rules, and what holds after them. */

import { shortestOf } from './derivative.ts';
import type { Expression, Expressions } from './expression.ts';

/** What remains of a rule, and what holds after it. */
export interface Item {
  readonly rest: Expression;
  readonly after: Continuation;
}

/** Where a rule returns to. */
export interface Continuation {
  readonly id: number;
  /** In the order of their own continuations, one each; those of left-recursive rules lead back to themselves. */
  items: readonly Item[];
  /** Fewest bytes to the end of the text. */
  shortest: number;
}

/** Fewest bytes to the end of the text from any of the items. */
export const shortestTo = (make: Expressions, items: readonly Item[]): number =>
  items.reduce(
    (least, { rest, after }) => Math.min(least, shortestOf(make, rest) + after.shortest),
    Number.POSITIVE_INFINITY,
  );

/** Collects expressions by what holds after them. */
export class Items {
  readonly #found = new Map<Continuation, Set<Expression>>();

  get size(): number {
    return this.#found.size;
  }

  /** False when it was there. */
  add(rest: Expression, after: Continuation): boolean {
    const known = this.#found.get(after);
    if (known?.has(rest)) return false;
    if (known) known.add(rest);
    else this.#found.set(after, new Set([rest]));
    return true;
  }

  /** Whether any was new. */
  addAll(other: Items): boolean {
    let added = false;
    for (const [after, parts] of other.#found) {
      for (const rest of parts) if (this.add(rest, after)) added = true;
    }
    return added;
  }

  /** One item for each continuation, in their order. */
  toList(make: Expressions): Item[] {
    const items = Array.from(this.#found, ([after, parts]) => ({
      rest: make.alternatives([...parts]),
      after,
    }));
    return withoutSubsumed(items.sort((a, b) => a.after.id - b.after.id));
  }
}

/**
 * Leaves out items after which another one with the same rest allows at least as much. Ambiguous grammars make many of
 * these: with `sum = sum "+" sum` every operand may end any of the sums before it.
 */
function withoutSubsumed(items: readonly Item[]): Item[] {
  const kept: Item[] = [];
  const byRest = new Map<Expression, Continuation[]>();
  for (const item of items) {
    const others = byRest.get(item.rest) ?? [];
    if (others.some((other) => isWithin(item.after, other))) continue;
    byRest.set(item.rest, [...others.slice(1 - maxOthers), item.after]);
    kept.push(item);
  }
  return kept;
}

/** Pairs of continuations that are compared to show that one allows all that the other does. */
const maxCompared = 50;
/** Items with the same rest that a further one is compared with. */
const maxOthers = 8;

/** Whether what `part` allows, `whole` allows as well, as far as a simulation of the one by the other shows it. */
function isWithin(part: Continuation, whole: Continuation): boolean {
  /** Pairs that hold unless one that is being compared does not. */
  const assumed = new Set<string>();
  let compared = 0;
  const holds = (a: Continuation, b: Continuation): boolean => {
    const pair = `${a.id}<${b.id}`;
    if (a === b || assumed.has(pair)) return true;
    if (++compared > maxCompared) return false;
    const before = assumed.size;
    assumed.add(pair);
    const matched = a.items.every(({ rest, after }) =>
      b.items.some((other) => other.rest === rest && holds(after, other.after)),
    );
    // Whatever was shown since rests on this pair.
    if (!matched) for (const later of [...assumed].slice(before)) assumed.delete(later);
    return matched;
  };
  return holds(part, whole);
}

export const keyOf = (items: readonly Item[]): string =>
  items.map(({ rest, after }) => `${after.id}:${rest.id}`).join();
