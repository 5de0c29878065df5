/**
 * Grammars as plain data, and what they mean by definition alone: tables over the substrings of one text, filled until
 * nothing changes. Slow, and independent of the automata it judges. Test support.
 */

import fc from 'fast-check';
import { byteRange } from '../automaton/byte-set.ts';
import { type Expression, Expressions } from '../automaton/expression.ts';

/** A part of a rule; texts are ASCII. */
export type Part =
  | { kind: 'text'; text: string }
  | { kind: 'sequence' | 'choice'; parts: Part[] }
  | { kind: 'repeat'; body: Part; min: number; max: number }
  | { kind: 'call' /** Modulo the number of rules. */; rule: number };

/** Bodies of rules; a text is one of the first. */
export type Grammar = readonly Part[];

/** Random grammars over `letters`, left-recursive, ambiguous and empty ones among them. */
export function grammars(letters: string, rules = 4): fc.Arbitrary<Grammar> {
  const { part } = fc.letrec<{ part: Part }>((tie) => ({
    part: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: fc.constantFrom(...letters), minLength: 0, maxLength: 2 }).map((text) => ({
        kind: 'text' as const,
        text,
      })),
      fc.nat(rules - 1).map((rule) => ({ kind: 'call' as const, rule })),
      fc.record({
        kind: fc.constantFrom('sequence' as const, 'choice' as const),
        parts: fc.array(tie('part'), { minLength: 1, maxLength: 3 }),
      }),
      fc.record({
        kind: fc.constant('repeat' as const),
        body: tie('part'),
        min: fc.nat(2),
        max: fc.constantFrom(2, 3, Number.POSITIVE_INFINITY),
      }),
    ),
  }));
  return fc.array(part, { minLength: 1, maxLength: rules });
}

/** Whether a text belongs to the language, and whether it begins one that does. */
export function judge(grammar: Grammar, text: string): { member: boolean; viable: boolean } {
  const size = text.length;
  const rules = grammar.length;
  /** [rule][from * (size + 1) + to] */
  const full = grammar.map(() => new Uint8Array((size + 1) ** 2));
  /** [rule][from]: the rest of the text begins a text of the rule; at the end of the text: the rule has one. */
  const begins = grammar.map(() => new Uint8Array(size + 1));
  const callee = (rule: number) => rule % rules;

  /** Ends of matches from each of `starts`. */
  const ends = (part: Part, starts: ReadonlySet<number>): Set<number> => {
    const found = new Set<number>();
    switch (part.kind) {
      case 'text':
        for (const from of starts) if (text.startsWith(part.text, from)) found.add(from + part.text.length);
        return found;
      case 'call':
        for (const from of starts) {
          for (let to = from; to <= size; to++) {
            if (full[callee(part.rule)][from * (size + 1) + to]) found.add(to);
          }
        }
        return found;
      case 'sequence':
        return part.parts.reduce((from, next) => ends(next, from), new Set(starts));
      case 'choice':
        for (const option of part.parts) for (const to of ends(option, starts)) found.add(to);
        return found;
      case 'repeat': {
        let at = new Set(starts);
        for (let count = 0; count <= Math.min(part.max, part.min + size + 1); count++) {
          if (count >= part.min) for (const to of at) found.add(to);
          at = ends(part.body, at);
        }
        return found;
      }
    }
  };

  const hasText = (part: Part): boolean => {
    switch (part.kind) {
      case 'text':
        return true;
      case 'call':
        return begins[callee(part.rule)][size] === 1;
      case 'sequence':
        return part.parts.every(hasText);
      case 'choice':
        return part.parts.some(hasText);
      case 'repeat':
        return part.min === 0 || hasText(part.body);
    }
  };

  /** Whether the rest of the text from one of `starts` begins a text of the part. */
  const isBeginning = (part: Part, starts: ReadonlySet<number>): boolean => {
    const from = [...starts];
    switch (part.kind) {
      case 'text':
        return from.some((at) => part.text.startsWith(text.slice(at)));
      case 'call':
        return from.some((at) => begins[callee(part.rule)][at] === 1);
      case 'choice':
        return part.parts.some((option) => isBeginning(option, starts));
      case 'sequence': {
        let at = new Set(starts);
        for (const [index, next] of part.parts.entries()) {
          if (isBeginning(next, at) && part.parts.slice(index + 1).every(hasText)) return true;
          at = ends(next, at);
        }
        return at.has(size);
      }
      case 'repeat': {
        let at = new Set(starts);
        const useful = hasText(part.body);
        for (let count = 0; count <= Math.min(part.max, part.min + size + 1); count++) {
          if (count >= part.min && at.has(size)) return true;
          if (count < part.max && useful && isBeginning(part.body, at)) return true;
          at = ends(part.body, at);
        }
        return false;
      }
    }
  };

  for (let changed = true; changed; ) {
    changed = false;
    for (let rule = 0; rule < rules; rule++) {
      for (let from = 0; from <= size; from++) {
        for (const to of ends(grammar[rule], new Set([from]))) {
          const cell = from * (size + 1) + to;
          if (!full[rule][cell]) [full[rule][cell], changed] = [1, true];
        }
        const value = from === size ? hasText(grammar[rule]) : isBeginning(grammar[rule], new Set([from]));
        if (value && !begins[rule][from]) [begins[rule][from], changed] = [1, true];
      }
    }
  }
  return { member: full[0][size] === 1, viable: begins[0][0] === 1 };
}

/** The same grammar for an automaton. */
export function build(grammar: Grammar): { make: Expressions; root: Expression } {
  const make = new Expressions();
  const rules = grammar.map((_, index) => make.rule(`rule${index}`));
  const lower = (part: Part): Expression => {
    switch (part.kind) {
      case 'text':
        return make.concat(...Array.from(part.text, (c) => make.bytes(byteRange(c.charCodeAt(0)))));
      case 'call':
        return make.call(rules[part.rule % rules.length]);
      case 'sequence':
        return make.concat(...part.parts.map(lower));
      case 'choice':
        return make.choice(...part.parts.map(lower));
      case 'repeat':
        return make.repeat(lower(part.body), part.min, part.max);
    }
  };
  for (const [index, rule] of rules.entries()) rule.body = lower(grammar[index]);
  return { make, root: make.call(rules[0]) };
}
