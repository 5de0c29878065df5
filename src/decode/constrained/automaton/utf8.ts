/** Characters as expressions over their UTF-8 bytes. */

import { utf8 } from '../../../text/bytes.ts';
import { byteRange } from './byte-set.ts';
import type { CodePoints } from './code-points.ts';
import type { Expression, Expressions } from './expression.ts';

type ByteRange = readonly [first: number, last: number];

const lastOfLength = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/** One character of the set. */
export function character(make: Expressions, set: CodePoints): Expression {
  const sequences: ByteRange[][] = [];
  for (const [first, last] of set) addSequences(first, last, sequences);
  return factored(make, sequences);
}

/**
 * Cuts a range of code points into products of byte ranges: where the first and the last differ in a byte, the bytes
 * behind it must run over all continuations.
 */
function addSequences(first: number, last: number, out: ByteRange[][]): void {
  const limit = lastOfLength.find((end) => first <= end && end < last);
  if (limit !== undefined) {
    addSequences(first, limit, out);
    addSequences(limit + 1, last, out);
    return;
  }
  const length = lastOfLength.findIndex((end) => last <= end) + 1;
  for (let bits = 6 * (length - 1); bits > 0; bits -= 6) {
    const low = (1 << bits) - 1;
    if (first >> bits === last >> bits) continue;
    if ((first & low) !== 0) {
      addSequences(first, first | low, out);
      addSequences((first | low) + 1, last, out);
      return;
    }
    if ((last & low) !== low) {
      addSequences(first, (last & ~low) - 1, out);
      addSequences(last & ~low, last, out);
      return;
    }
  }
  const [a, b] = [encode(first), encode(last)];
  out.push(a.map((byte, i) => [byte, b[i]] as const));
}

const encode = (code: number): number[] => [...utf8(String.fromCodePoint(code))];

/** A choice of sequences, in ascending order, in which neighbours share what they begin with. */
function factored(make: Expressions, sequences: readonly ByteRange[][], depth = 0): Expression {
  const alternatives: Expression[] = [];
  for (let start = 0; start < sequences.length; ) {
    const [first, last] = sequences[start][depth];
    let end = start + 1;
    while (
      end < sequences.length &&
      sequences[end][depth][0] === first &&
      sequences[end][depth][1] === last
    ) {
      end++;
    }
    const group = sequences.slice(start, end);
    const more = group[0].length > depth + 1;
    const rest = more ? factored(make, group, depth + 1) : make.empty;
    alternatives.push(make.concat(make.bytes(byteRange(first, last)), rest));
    start = end;
  }
  return make.choice(...alternatives);
}
