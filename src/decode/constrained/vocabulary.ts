/** A tokenizer's tokens as byte strings: what constrains tokens walks this trie, not the list. */

import { compareBytes } from '../../text/bytes.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { anyCodePoint, type CodePoints, codePoints, union, without } from './automaton/code-points.ts';

/** Bytes that occur in UTF-8. */
const utf8Bytes = Array.from({ length: 0xf5 }, (_, byte) => byte).filter((b) => b !== 0xc0 && b !== 0xc1);

/**
 * The tokens that stand for text, as a trie laid out in depth-first order: a subtree is skipped by going on at its
 * end. Special tokens, end tokens and tokens without bytes are not in it.
 */
export class Vocabulary {
  /** Ids are below this. */
  readonly size: number;
  readonly endIds: readonly number[];
  /** Most bytes of a token. */
  readonly longest: number;
  /** Characters that can be written token by token, whatever stands before them. */
  readonly characters: CodePoints;
  /** [nodes] Depth from 1, byte, and the node behind the subtree. */
  readonly depths: Uint16Array;
  readonly bytes: Uint8Array;
  readonly ends: Int32Array;
  /** [nodes] Bytes of the longest token of the subtree. */
  readonly deepest: Uint16Array;
  /** [nodes + 1] Where the tokens that end at a node begin in `tokens`. */
  readonly firstToken: Int32Array;
  readonly tokens: Int32Array;
  readonly #bytesOf: ReadonlyMap<number, Uint8Array>;
  readonly #tokenizer: Tokenizer;

  /** @param endIds Tokens that end an answer. */
  constructor(tokenizer: Tokenizer, endIds: readonly number[]) {
    const { vocabSize: size, specialIds } = tokenizer;
    this.#tokenizer = tokenizer;
    this.size = size;
    this.endIds = endIds;
    const all: { id: number; bytes: Uint8Array }[] = [];
    for (let id = 0; id < size; id++) {
      const bytes = tokenizer.bytes(id);
      if (bytes.length > 0 && !specialIds.has(id) && !endIds.includes(id)) all.push({ id, bytes });
    }
    const single = new Set(all.filter(({ bytes }) => bytes.length === 1).map(({ bytes }) => bytes[0]));
    const byBytes = writtenByBytes(single);
    const whole = without(codePoints(...singleCharacters(all)), byBytes);
    this.characters = union(byBytes, whole);
    // A token that ends within a character may only begin one that can be completed.
    const beginnings = beginningsOf(whole);
    const usable = all.filter(({ bytes }) => !beginnings.has(cutOff(bytes).join()));
    this.#bytesOf = new Map(usable.map(({ id, bytes }) => [id, bytes]));
    const trie = layOut(usable);
    this.depths = Uint16Array.from(trie.depths);
    this.longest = trie.depths.reduce((longest, depth) => Math.max(longest, depth), 0);
    this.bytes = Uint8Array.from(trie.bytes);
    this.ends = Int32Array.from(trie.ends);
    this.deepest = deepestOf(this.depths, this.ends);
    this.firstToken = Int32Array.from(trie.firstToken);
    this.tokens = Int32Array.from(trie.tokens);
  }

  /** The bytes of a token of the trie; undefined for all others. */
  bytesOf(id: number): Uint8Array | undefined {
    return this.#bytesOf.get(id);
  }

  /** Tokens of these bytes, as text that goes on is cut; none where they are no text. */
  cut(bytes: Uint8Array): readonly number[] {
    const text = textOf(bytes);
    if (!text) return [];
    // Some tokenizers (SentencePiece) put a space before a text, but none behind a line end.
    for (const lead of ['', '\n']) {
      const tokens = this.#tokenizer.encode(lead + text, { addSpecialTokens: false, parseSpecial: false });
      let first = tokens.length;
      for (let left = bytes.length; left > 0 && first > 0; )
        left -= this.bytesOf(tokens[--first])?.length ?? left;
      const cut = tokens.slice(first);
      const written = cut.flatMap((token) => [...(this.bytesOf(token) ?? [])]);
      if (written.length === bytes.length && written.every((byte, i) => byte === bytes[i])) return cut;
    }
    return [];
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Characters that are tokens. */
function singleCharacters(tokens: readonly { bytes: Uint8Array }[]): (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = [];
  for (const { bytes } of tokens) {
    const characters = Array.from(textOf(bytes) ?? '', (character) => character.codePointAt(0)!);
    if (characters.length === 1) ranges.push([characters[0], characters[0]]);
  }
  return ranges;
}

/** Bits in which characters of as many bytes with the same first one differ. */
const sameLead = [0, 0, 0x3f, 0xfff, 0x3ffff];

/** Characters whose bytes are all tokens. */
function writtenByBytes(single: ReadonlySet<number>): CodePoints {
  if (utf8Bytes.every((byte) => single.has(byte))) return anyCodePoint;
  const anyTail = utf8Bytes.every((byte) => byte < 0x80 || byte > 0xbf || single.has(byte));
  const ranges: [number, number][] = [];
  for (const [first, last] of anyCodePoint) {
    for (let code = first; code <= last; code++) {
      const bytes = bytesOfCodePoint(code);
      const begun = code;
      // All characters of a first byte, where the others are all there or it is not.
      if (anyTail || !single.has(bytes[0])) code = Math.min(last, code | sameLead[bytes.length]);
      if (!bytes.every((byte) => single.has(byte))) continue;
      const range = ranges.at(-1);
      if (range && range[1] === begun - 1) range[1] = code;
      else ranges.push([begun, code]);
    }
  }
  return ranges;
}

const tailOf = (code: number, shift: number) => 0x80 | ((code >> shift) & 0x3f);

function bytesOfCodePoint(code: number): number[] {
  if (code < 0x80) return [code];
  if (code < 0x800) return [0xc0 | (code >> 6), tailOf(code, 0)];
  if (code < 0x10000) return [0xe0 | (code >> 12), tailOf(code, 6), tailOf(code, 0)];
  return [0xf0 | (code >> 18), tailOf(code, 12), tailOf(code, 6), tailOf(code, 0)];
}

/** What characters begin with, without being whole. */
function beginningsOf(characters: CodePoints): Set<string> {
  const beginnings = new Set<string>();
  for (const [first, last] of characters) {
    for (let code = first; code <= last; code++) {
      const bytes = bytesOfCodePoint(code);
      for (let length = 1; length < bytes.length; length++) beginnings.add(bytes.slice(0, length).join());
    }
  }
  return beginnings;
}

/** The bytes of the character that is cut off at the end; none where it is whole. */
function cutOff(bytes: Uint8Array): Uint8Array {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const lead = bytes[bytes.length - length];
    if (lead < 0x80) break;
    if (lead < 0xc0) continue;
    const needed = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return length < needed ? bytes.subarray(bytes.length - length) : bytes.subarray(bytes.length);
  }
  return bytes.subarray(bytes.length);
}

/** Every leaf is a token. */
function deepestOf(depths: Uint16Array, ends: Int32Array): Uint16Array {
  const deepest = depths.slice();
  for (let node = depths.length - 1; node >= 0; node--) {
    for (let child = node + 1; child < ends[node]; child = ends[child]) {
      if (deepest[child] > deepest[node]) deepest[node] = deepest[child];
    }
  }
  return deepest;
}

function layOut(usable: readonly { id: number; bytes: Uint8Array }[]) {
  const depths: number[] = [];
  const bytes: number[] = [];
  const ends: number[] = [];
  const firstToken: number[] = [];
  const tokens: number[] = [];
  /** Nodes on the way to the last token. */
  const path: number[] = [];
  const close = (depth: number) => {
    while (path.length > depth) ends[path.pop()!] = depths.length;
  };
  let previous = new Uint8Array(0);
  for (const token of usable.toSorted((a, b) => compareBytes(a.bytes, b.bytes) || a.id - b.id)) {
    let shared = 0;
    while (shared < previous.length && previous[shared] === token.bytes[shared]) shared++;
    close(shared);
    for (let depth = shared; depth < token.bytes.length; depth++) {
      path.push(depths.length);
      depths.push(depth + 1);
      bytes.push(token.bytes[depth]);
      firstToken.push(tokens.length);
      ends.push(0);
    }
    tokens.push(token.id);
    previous = Uint8Array.from(token.bytes);
  }
  close(0);
  firstToken.push(tokens.length);
  return { depths, bytes, ends, firstToken, tokens };
}
