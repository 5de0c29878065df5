/**
 * Makes rules ready to run: leaves out what has no finite text, turns calls of rules that match the empty text into
 * optional ones, and finds out which rules begin with themselves. Afterwards every expression has a text.
 */

import { callsOf, shortestOf } from './derivative.ts';
import { type Expression, type Expressions, type Rule, tooComplex } from './expression.ts';

/** Expressions looked at to find out which texts rules have. Rules that improve each other again and again take the most. */
const maxVisits = 5_000_000;

/**
 * Binds all rules of `make`, whose bodies must be set.
 * @param root Where texts begin.
 * @returns The bound root; `nothing` when it matches no text.
 * @throws QuickstepError 'bad-option' when finding out takes too long
 */
export function bindRules(make: Expressions, root: Expression): Expression {
  const { rules } = make;
  const callers = callersOf(rules);
  const visited = visitCounter();
  settle(rules, callers, (rule) => measureRule(make, rule, visited));
  const nullable = nullableRules(rules, callers, visited);
  const bound = new Map<Expression, Expression>();
  const bind = (e: Expression) => bindCalls(make, e, nullable, bound);
  for (const rule of rules) rule.body = bind(rule.body);
  const start = bind(root);
  if (start === make.nothing) return start;
  setComponents(make, rules);
  return start;
}

function subexpressions(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case 'concat':
      return [e.head, e.tail];
    case 'choice':
      return e.parts;
    case 'repeat':
      return [e.body];
    default:
      return [];
  }
}

/** Which rules call each rule. */
function callersOf(rules: readonly Rule[]): ReadonlyMap<Rule, readonly Rule[]> {
  const callers = new Map<Rule, Rule[]>(rules.map((rule) => [rule, []]));
  for (const rule of rules) {
    const seen = new Set<Expression>();
    const called = new Set<Rule>();
    const stack = [rule.body];
    for (let e = stack.pop(); e; e = stack.pop()) {
      if (e.regular || seen.has(e)) continue;
      seen.add(e);
      if (e.kind === 'call') called.add(e.rule);
      stack.push(...subexpressions(e));
    }
    for (const callee of called) callers.get(callee)!.push(rule);
  }
  return callers;
}

function visitCounter(): () => void {
  let visits = 0;
  return () => {
    if (++visits > maxVisits) throw tooComplex('its rules depend on each other in too many ways');
  };
}

/** Evaluates rules until nothing changes: those written last first, which others mostly call. */
function settle(
  rules: readonly Rule[],
  callers: ReadonlyMap<Rule, readonly Rule[]>,
  changes: (rule: Rule) => boolean,
): void {
  const queue = new Set(rules.toReversed());
  for (const rule of queue) {
    queue.delete(rule);
    if (changes(rule)) for (const caller of callers.get(rule)!) queue.add(caller);
  }
}

/** Improves `rule.shortest`; false when it stays. */
function measureRule(make: Expressions, rule: Rule, visited: () => void): boolean {
  const memo = new Map<Expression, number>();
  const visit = (e: Expression): number => {
    visited();
    if (e.regular) return shortestOf(make, e);
    let length = memo.get(e);
    if (length !== undefined) return length;
    if (e.kind === 'call') length = e.rule.shortest;
    else if (e.kind === 'repeat') length = e.min === 0 ? 0 : e.min * visit(e.body);
    else if (e.kind === 'concat') length = chain(e).reduce((sum, part) => sum + visit(part), 0);
    else length = Math.min(...subexpressions(e).map(visit));
    memo.set(e, length);
    return length;
  };
  const before = rule.shortest;
  rule.shortest = visit(rule.body);
  return rule.shortest < before;
}

/** The parts of a concatenation. */
function chain(e: Expression): Expression[] {
  const parts: Expression[] = [];
  for (; e.kind === 'concat'; e = e.tail) parts.push(e.head);
  return [...parts, e];
}

/** Rules that match the empty text. */
function nullableRules(
  rules: readonly Rule[],
  callers: ReadonlyMap<Rule, readonly Rule[]>,
  visited: () => void,
): Set<Rule> {
  const nullable = new Set<Rule>();
  const visit = (e: Expression): boolean => {
    visited();
    if (e.regular || e.nullable) return e.nullable;
    if (e.kind === 'call') return nullable.has(e.rule);
    if (e.kind === 'concat') return chain(e).every(visit);
    return subexpressions(e).some(visit);
  };
  settle(rules, callers, (rule) => {
    if (nullable.has(rule) || !visit(rule.body)) return false;
    nullable.add(rule);
    return true;
  });
  return nullable;
}

/** The expression with every call of a rule without text taken out, and of one that may be empty made optional. */
function bindCalls(
  make: Expressions,
  e: Expression,
  nullable: ReadonlySet<Rule>,
  bound: Map<Expression, Expression>,
): Expression {
  if (e.regular) return shortestOf(make, e) === Number.POSITIVE_INFINITY ? make.nothing : e;
  const known = bound.get(e);
  if (known) return known;
  const bind = (part: Expression) => bindCalls(make, part, nullable, bound);
  let made = e;
  if (e.kind === 'call') {
    if (e.rule.shortest === Number.POSITIVE_INFINITY) made = make.nothing;
    else if (nullable.has(e.rule)) made = make.optional(e);
  } else if (e.kind === 'concat') made = make.sequence(chain(e).map(bind));
  else if (e.kind === 'choice') made = make.alternatives(e.parts.map(bind));
  else if (e.kind === 'repeat') made = make.repeat(bind(e.body), e.min, e.max);
  bound.set(e, made);
  return made;
}

/**
 * Strongly connected components of the graph "begins with a call of", callers before callees (Tarjan 1972, without
 * recursion); sets `Rule.component`.
 */
function setComponents(make: Expressions, rules: readonly Rule[]): void {
  const order = new Map<Rule, number>();
  const low = new Map<Rule, number>();
  const open: Rule[] = [];
  const isOpen = new Set<Rule>();
  const finished: Rule[][] = [];
  const calleesOf = (rule: Rule) => callsOf(make, rule.body).map((call) => call.rule);
  const enter = (rule: Rule) => {
    order.set(rule, order.size);
    low.set(rule, order.get(rule)!);
    open.push(rule);
    isOpen.add(rule);
    return { rule, callees: calleesOf(rule).values() };
  };
  for (const root of rules) {
    const path = order.has(root) ? [] : [enter(root)];
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const { rule, callees } = top;
      const { value: callee } = callees.next();
      if (callee && !order.has(callee)) path.push(enter(callee));
      else if (callee) {
        if (isOpen.has(callee)) low.set(rule, Math.min(low.get(rule)!, order.get(callee)!));
      } else {
        path.pop();
        const caller = path.at(-1)?.rule;
        if (caller) low.set(caller, Math.min(low.get(caller)!, low.get(rule)!));
        if (low.get(rule) !== order.get(rule)) continue;
        const members = open.splice(open.lastIndexOf(rule));
        for (const member of members) isOpen.delete(member);
        finished.push(members);
      }
    }
  }
  // Tarjan finishes callees first.
  for (const [index, members] of finished.reverse().entries()) {
    const recursive = members.length > 1 || calleesOf(members[0]).includes(members[0]);
    const component = { index, recursive };
    for (const member of members) member.component = component;
  }
}
