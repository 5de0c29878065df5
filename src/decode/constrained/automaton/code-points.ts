/** Sets of Unicode code points as sorted, disjoint ranges. Surrogates belong to none: no UTF-8 text holds them. */

/** Inclusive ranges, ascending and with gaps between them. */
export type CodePoints = readonly (readonly [first: number, last: number])[];

const lastCodePoint = 0x10ffff;
const surrogates: CodePoints = [[0xd800, 0xdfff]];

/** The set of the given ranges, in any order and overlapping as they like. */
export function codePoints(...ranges: readonly (readonly [first: number, last: number])[]): CodePoints {
  return subtract(merge(ranges), surrogates);
}

/** The set of the characters of a text. */
export function charactersOf(text: string): CodePoints {
  const codes = new Set(Array.from(text, (character) => character.codePointAt(0)!));
  return subtract(merge(Array.from(codes, (code) => [code, code] as const)), surrogates);
}

/** Whether a set has all characters of a text. */
export function isWritable(text: string, alphabet: CodePoints): boolean {
  if (alphabet === anyCodePoint) return true;
  return without(charactersOf(text), alphabet).length === 0;
}

function merge(ranges: readonly (readonly [number, number])[]): CodePoints {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const open = merged.at(-1);
    if (open && first <= open[1] + 1) open[1] = Math.max(open[1], last);
    else if (first <= last) merged.push([first, last]);
  }
  return merged;
}

function subtract(from: CodePoints, taken: CodePoints): CodePoints {
  const rest: [number, number][] = [];
  let index = 0;
  for (const [first, last] of from) {
    let start = first;
    while (index < taken.length && taken[index][1] < start) index++;
    for (let i = index; i < taken.length && taken[i][0] <= last; i++) {
      if (taken[i][0] > start) rest.push([start, taken[i][0] - 1]);
      start = taken[i][1] + 1;
    }
    if (start <= last) rest.push([start, last]);
  }
  return rest;
}

export const anyCodePoint: CodePoints = codePoints([0, lastCodePoint]);

export const union = (...sets: readonly CodePoints[]): CodePoints => unionOf(sets);

/** As `union`, of any number of sets. */
export const unionOf = (sets: readonly CodePoints[]): CodePoints => merge(sets.flat());

export const without = (set: CodePoints, taken: CodePoints): CodePoints => subtract(set, taken);

export const complement = (set: CodePoints): CodePoints => subtract(anyCodePoint, set);

export const intersection = (a: CodePoints, b: CodePoints): CodePoints => subtract(a, complement(b));

const properties = new Map<string, CodePoints>();

/**
 * The code points with a Unicode property, as JavaScript's `\p{name}` knows it; undefined for an unknown name.
 * Every code point is asked once a name: some 20 ms.
 */
export function withProperty(name: string): CodePoints | undefined {
  if (!/^[A-Za-z_=]{1,60}$/.test(name)) return undefined;
  const known = properties.get(name);
  if (known) return known;
  let pattern: RegExp;
  try {
    pattern = new RegExp(`^\\p{${name}}$`, 'u');
  } catch {
    return undefined;
  }
  const ranges: [number, number][] = [];
  for (const [first, last] of anyCodePoint) {
    for (let code = first; code <= last; code++) {
      if (!pattern.test(String.fromCodePoint(code))) continue;
      const open = ranges.at(-1);
      if (open?.[1] === code - 1) open[1] = code;
      else ranges.push([code, code]);
    }
  }
  properties.set(name, ranges);
  return ranges;
}
