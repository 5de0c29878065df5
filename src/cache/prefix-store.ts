/**
 * K/V of sequences that have ended, kept for prompts that begin alike: the next turn of a conversation, another question
 * behind the same instructions. What several begin with is kept once (their sequences share its slots), and the least recently
 * used go when there is no room.
 */

import { bucketOf } from './buckets.ts';
import { KvCache } from './kv-cache.ts';
import type { KvShape, KvStore } from './kv-store.ts';
import type { Sequence } from './sequence.ts';

/** The first `length` tokens of a sequence. */
export interface CachedPrefix {
  readonly cache: KvCache;
  readonly sequence: Sequence;
  readonly length: number;
}

interface Entry {
  tokens: readonly number[];
  readonly sequence: Sequence;
}

/** How many tokens two lists have in common from their beginning. */
export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let common = 0;
  while (common < end && a[common] === b[common]) common++;
  return common;
}

/** Bytes that a token takes in a store of this shape. */
const bytesOfToken = ({ layers, kvHeads, headDim, valueDim }: Required<KvShape>): number =>
  layers * kvHeads * (headDim + valueDim) * Float32Array.BYTES_PER_ELEMENT;

export class PrefixStore {
  /** Most tokens kept. */
  readonly maxTokens: number;
  readonly #cache: KvCache;
  /** Least recently used first. */
  readonly #entries: Entry[] = [];

  /**
   * @param shape What is cached of a token.
   * @param maxBytes Most memory, taken as it fills; less than a token's keeps nothing.
   */
  constructor(shape: KvStore['shape'], maxBytes: number) {
    this.maxTokens = Math.floor(maxBytes / bytesOfToken(shape));
    this.#cache = new KvCache(shape, { maxSlots: Math.max(1, this.maxTokens) });
  }

  /** Tokens kept, those that several sequences begin with counted once. */
  get tokens(): number {
    return this.#cache.slots.used;
  }

  /** The longest kept beginning of some tokens, if there is any. Valid until the next `keep`. */
  find(tokens: readonly number[]): CachedPrefix | undefined {
    const found = this.#longest(tokens);
    if (!found) return undefined;
    this.#touch(found.entry);
    return { cache: this.#cache, sequence: found.entry.sequence, length: found.length };
  }

  /**
   * Copies what a sequence of another cache holds.
   * @param tokens The sequence's tokens, all of them at the position they have in the list.
   * @throws QuickstepError `out-of-memory`; what was kept before is still there, or has made room.
   */
  keep(tokens: readonly number[], { cache, sequence }: Pick<CachedPrefix, 'cache' | 'sequence'>): void {
    const kept = tokens.slice(0, Math.min(this.maxTokens, sequence.length));
    const shared = this.#longest(kept);
    if (shared) this.#touch(shared.entry);
    const length = shared?.length ?? 0;
    if (length === kept.length) return;
    const { slots } = this.#cache;
    // All slots at once: memory that nothing was written to is not taken, and growing would lay out the others anew.
    if (this.#cache.capacity === 0) this.#cache.store.resize(bucketOf(this.maxTokens));
    const missing = kept.length - length;
    const room = () => slots.used + missing <= this.maxTokens;
    while (!room() && this.#entries.length > (shared ? 1 : 0)) slots.free(this.#entries.shift()!.sequence);
    const goesOn = shared && (length === shared.entry.tokens.length || !room());
    const entry: Entry = goesOn
      ? shared.entry
      : { tokens: [], sequence: shared ? slots.fork(shared.entry.sequence) : slots.createSequence() };
    slots.crop(entry.sequence, length);
    if (!goesOn) this.#entries.push(entry);
    entry.tokens = kept.slice(0, length);
    this.#cache.commit(entry.sequence, rowsOf(cache), sequence.slots.slice(length, kept.length));
    entry.tokens = kept;
  }

  #longest(tokens: readonly number[]): { entry: Entry; length: number } | undefined {
    let longest: { entry: Entry; length: number } | undefined;
    for (const entry of this.#entries) {
      const length = commonPrefix(entry.tokens, tokens);
      if (length > (longest?.length ?? 0)) longest = { entry, length };
    }
    return longest;
  }

  #touch(entry: Entry): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#entries.push(entry);
  }
}

/** All slots of a cache's lane as if they were rows of a forward, to copy some of them; valid until the layout changes. */
export function rowsOf({ store, lane, capacity }: KvCache) {
  const layers = Array.from({ length: store.shape.layers }, (_, layer) => layer);
  return {
    rows: capacity,
    keys: layers.map((layer) => store.key(layer, lane)),
    values: layers.map((layer) => store.value(layer, lane)),
  };
}
