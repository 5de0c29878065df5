/**
 * The items of a state together with the beginnings of the rules they call, and of the rules those begin with.
 * Rules are entered callers first, so that the continuation of each is known whole; rules that begin with one another
 * (left recursion) share one set of callers and are entered together.
 */

import { MinHeap } from '../../../text/heap.ts';
import { callsOf } from './derivative.ts';
import type { Expression, Rule } from './expression.ts';
import { type Continuation, type Item, Items, keyOf, shortestTo } from './items.ts';
import type { Pushdown } from './pushdown.ts';

export class Closure {
  readonly items: Item[] = [];
  readonly #automaton: Pushdown;
  /** Who waits for each called rule, by component. */
  readonly #pending = new Map<number, Map<Rule, Items>>();
  /** The components of `#pending`. */
  readonly #next = new MinHeap();

  constructor(automaton: Pushdown, items: readonly Item[]) {
    this.#automaton = automaton;
    for (const item of items) this.#enter(item);
    for (let component = this.#next.pop(); component !== undefined; component = this.#next.pop()) {
      const callers = this.#pending.get(component)!;
      this.#pending.delete(component);
      this.#enterComponent(callers);
    }
  }

  /** Adds an item; the rules it may begin with wait, but for those of the component it belongs to. */
  #enter(item: Item, component?: Rule['component']): void {
    this.items.push(item);
    for (const { rule, rest } of callsOf(this.#automaton.make, item.rest)) {
      if (rule.component === component) continue;
      const { index } = rule.component;
      let rules = this.#pending.get(index);
      if (!rules) {
        rules = new Map();
        this.#pending.set(index, rules);
        this.#next.push(index);
      }
      const callers = rules.get(rule) ?? new Items();
      rules.set(rule, callers);
      this.#addCaller(callers, rest, item.after);
    }
  }

  /** A call with nothing behind it returns to where its own rule returns to. */
  #addCaller(callers: Items, rest: Expression, after: Continuation): void {
    if (rest !== this.#automaton.make.empty) callers.add(rest, after);
    else for (const item of after.items) callers.add(item.rest, item.after);
  }

  #enterComponent(callers: ReadonlyMap<Rule, Items>): void {
    const automaton = this.#automaton;
    const lists = [...callers]
      .map(([rule, waiting]) => ({ rule, items: waiting.toList(automaton.make) }))
      .sort((a, b) => a.rule.index - b.rule.index);
    const [{ rule, items }] = lists;
    if (!rule.component.recursive) {
      this.#enter({ rest: rule.body, after: automaton.continuation(items) });
      return;
    }
    const key = lists.map((list) => `${list.rule.index}=${keyOf(list.items)}`).join(';');
    const group = automaton.group(key, () => leftRecursive(automaton, lists));
    for (const [member, after] of group) this.#enter({ rest: member.body, after }, rule.component);
  }
}

/** Continuations of the rules of a component, of which `callers` are called from outside. */
function leftRecursive(
  automaton: Pushdown,
  callers: readonly { rule: Rule; items: readonly Item[] }[],
): Map<Rule, Continuation> {
  const { make } = automaton;
  const { component } = callers[0].rule;
  const group = new Map<Rule, Continuation>();
  const waiting = new Map<Rule, Items>();
  const reach = (rule: Rule) => {
    if (group.has(rule)) return;
    group.set(rule, automaton.newContinuation());
    waiting.set(rule, new Items());
  };
  for (const { rule, items } of callers) {
    reach(rule);
    for (const { rest, after } of items) waiting.get(rule)!.add(rest, after);
  }
  /** Calls with nothing behind them: the second rule returns to where the first does. */
  const tails: [Items, Items][] = [];
  for (const [caller, after] of group) {
    for (const { rule, rest } of callsOf(make, caller.body)) {
      if (rule.component !== component) continue;
      reach(rule);
      if (rest === make.empty) tails.push([waiting.get(caller)!, waiting.get(rule)!]);
      else waiting.get(rule)!.add(rest, after);
    }
  }
  while (tails.filter(([from, to]) => to.addAll(from)).length > 0);
  for (const [rule, after] of group) after.items = waiting.get(rule)!.toList(make);
  while ([...group.values()].filter((after) => improveShortest(automaton, after)).length > 0);
  return group;
}

function improveShortest({ make }: Pushdown, continuation: Continuation): boolean {
  const before = continuation.shortest;
  continuation.shortest = shortestTo(make, continuation.items);
  return continuation.shortest < before;
}
