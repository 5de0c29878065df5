/**
 * One slot-indexed tensor `[heads, capacity, dim]`, float32, whose capacity and head count change in place.
 * Each head's slots are contiguous, so a run of neighbouring slots is one copy per head. The backing array grows
 * by half again and is then re-laid out by moving heads, which makes a resize that cannot fail half-way: first
 * `reserve` on every tensor, which may run out of memory but changes no layout, then `resize`. Shrinking gives
 * memory back once less than a quarter of it is laid out, unless it is too little to be worth growing again.
 *
 * Slots nobody wrote hold zeros or stale rows, always finite: the attention bias gives them weight exactly 0.
 */

import { allocateFloats } from './allocate.ts';
import type { Move } from './slot-cache.ts';

/** Floats: a mebibyte. */
const worthGiving = 2 ** 18;

/** Floats up to which a loop copies faster than views of both sides are made. */
const fewFloats = 128;

export class SlotTensor {
  heads: number;
  readonly dim: number;
  #capacity = 0;
  #backing = new Float32Array(0);
  #data = new Float32Array(0);

  constructor(heads: number, dim: number) {
    this.heads = heads;
    this.dim = dim;
  }

  /** `[heads, capacity, dim]`. A new view after each change of capacity, the same one otherwise. */
  get data(): Float32Array {
    return this.#data;
  }

  /** Bytes allocated, room for growth included. */
  get bytes(): number {
    return this.#backing.byteLength;
  }

  /**
   * Makes room for `capacity` slots of `heads` heads and leaves the layout as it is.
   * @throws QuickstepError `out-of-memory`.
   */
  reserve(capacity: number, heads = this.heads): void {
    const needed = heads * capacity * this.dim;
    if (needed <= this.#backing.length) return;
    // Untouched pages of a fresh array stay unmapped on common systems, so spare room is nearly free.
    const length = Math.max(needed, Math.ceil(this.#backing.length * 1.5));
    const backing = allocateFloats(
      length,
      `the K/V cache at ${capacity} slots`,
      'Free finished sequences, shorten the context, or set maxSlots.',
    );
    backing.set(this.#data);
    this.#backing = backing;
    this.#data = backing.subarray(0, this.#data.length);
  }

  /** Lays out for `capacity` slots and keeps the contents of the slots below it; `reserve` must have made room. */
  resize(capacity: number): void {
    const before = this.#capacity * this.dim;
    const after = capacity * this.dim;
    const kept = Math.min(before, after);
    const move = (head: number) =>
      this.#backing.copyWithin(head * after, head * before, head * before + kept);
    // Growing pushes heads up, so the last goes first; shrinking pulls them down.
    if (after > before) for (let head = this.heads - 1; head > 0; head--) move(head);
    else for (let head = 1; head < this.heads; head++) move(head);
    this.#capacity = capacity;
    this.#data = this.#backing.subarray(0, this.heads * after);
    if (
      after < before &&
      this.#data.length * 4 < this.#backing.length &&
      this.#backing.length > worthGiving
    ) {
      this.#backing = this.#data.slice();
      this.#data = this.#backing;
    }
  }

  /** Adds heads at the end, or drops the last ones; `reserve` must have made room. */
  setHeads(heads: number): void {
    const before = this.#data.length;
    this.heads = heads;
    this.#data = this.#backing.subarray(0, heads * this.#capacity * this.dim);
    // What a dropped head left behind may not be finite.
    if (this.#data.length > before) this.#data.fill(0, before);
  }

  /** Copies `count` heads from head `from` over those from head `to`. */
  copyHeads(from: number, to: number, count: number): void {
    const head = this.#capacity * this.dim;
    this.#data.copyWithin(to * head, from * head, (from + count) * head);
  }

  /** `count` heads from head `first`, `[count, capacity, dim]`; valid until the layout changes. */
  view(first: number, count: number): Float32Array {
    const head = this.#capacity * this.dim;
    return this.#data.subarray(first * head, (first + count) * head);
  }

  /**
   * Copies row `sources[i]` of `rows` into slot `slots[i]`; neighbours in both travel in one copy.
   * @param rows `[any heads, count, dim]`
   * @param place `heads` heads from head `from` of the rows become those from head `to`.
   */
  write(
    rows: Float32Array,
    count: number,
    sources: ArrayLike<number>,
    slots: ArrayLike<number>,
    { from: first, to: target, heads }: { from: number; to: number; heads: number },
  ): void {
    const { dim } = this;
    const data = this.#data;
    for (let start = 0, end = 0; start < sources.length; start = end) {
      do end++;
      while (
        end < sources.length &&
        sources[end] === sources[end - 1] + 1 &&
        slots[end] === slots[end - 1] + 1
      );
      for (let head = 0; head < heads; head++) {
        const from = ((first + head) * count + sources[start]) * dim;
        const to = ((target + head) * this.#capacity + slots[start]) * dim;
        const length = (end - start) * dim;
        if (length > fewFloats) data.set(rows.subarray(from, from + length), to);
        else for (let i = 0; i < length; i++) data[to + i] = rows[from + i];
      }
    }
  }

  /** Follows the moves of a compaction, in their order, in `heads` heads from head `first`. */
  move(moves: readonly Move[], first: number, heads: number): void {
    for (let head = first; head < first + heads; head++) {
      const base = head * this.#capacity;
      for (const { from, to, count } of moves) {
        const start = (base + from) * this.dim;
        this.#data.copyWithin((base + to) * this.dim, start, start + count * this.dim);
      }
    }
  }
}
