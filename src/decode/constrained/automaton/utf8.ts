/** Characters as expressions over their UTF-8 bytes. */

import { utf8 } from '../../../text/bytes.ts';
import type { CodePoints } from './code-points.ts';
import type { Expression, Expressions } from './expression.ts';
import { factored, type Sequence } from './sequences.ts';

const lastOfLength = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/** One character of the set. */
export function character(make: Expressions, set: CodePoints): Expression {
  const sequences: Sequence[] = [];
  for (const [first, last] of set) addSequences(first, last, sequences);
  return sequences.length === 0 ? make.nothing : factored(make, sequences);
}

/**
 * Cuts a range of code points into products of byte ranges: where the first and the last differ in a byte, the bytes
 * behind it must run over all continuations.
 */
function addSequences(first: number, last: number, out: Sequence[]): void {
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
