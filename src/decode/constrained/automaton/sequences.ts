/** Choices of byte sequences, written so that those that begin alike share their beginning: a trie as an expression. */

import { compareBytes } from '../../../text/bytes.ts';
import { shortestOf } from './derivative.ts';
import type { Expression, Expressions } from './expression.ts';

/** A range for each byte. */
export type Sequence = readonly (readonly [first: number, last: number])[];

const single = Array.from({ length: 256 }, (_, byte) => [byte, byte] as const);

/** One of these texts. */
export function oneOf(make: Expressions, texts: readonly Uint8Array[]): Expression {
  const sequences = texts.toSorted(compareBytes).map((text) => Array.from(text, (byte) => single[byte]));
  return sequences.length === 0 ? make.nothing : factored(make, sequences);
}

/**
 * @param sequences In ascending order, at least one. Ranges at the same place behind the same beginning are equal or apart.
 * @param begun So many bytes they all begin with are already written.
 */
export function factored(make: Expressions, sequences: readonly Sequence[], begun = 0): Expression {
  const [first] = sequences;
  const last = sequences[sequences.length - 1];
  let shared = begun;
  while (shared < first.length && isSame(first, last, shared)) shared++;
  const alternatives: Expression[] = [];
  for (let start = 0, end = 0; start < sequences.length; start = end) {
    const at = sequences[start];
    while (end < sequences.length && isSame(at, sequences[end], shared)) end++;
    const ended = at.length === shared;
    alternatives.push(ended ? make.empty : factored(make, sequences.slice(start, end), shared));
  }
  const head = first.slice(begun, shared).map((range) => make.range(...range));
  const made = make.sequence([...head, make.alternatives(alternatives)]);
  // Noted on the way up, however deep the sequences share.
  shortestOf(make, made);
  return made;
}

/** Whether both have the same range there, or both have ended. */
const isSame = (a: Sequence, b: Sequence, index: number): boolean =>
  a[index]?.[0] === b[index]?.[0] && a[index]?.[1] === b[index]?.[1];
