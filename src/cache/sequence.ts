/**
 * One cached sequence: an ordered list of entries, each a slot and the position its key was rotated for.
 * Positions ascend but need not be contiguous: eviction drops entries and never renumbers the rest, new tokens keep
 * counting from all tokens seen, and positions can be skipped. `Sequence` is what everybody reads; only the slot cache, which owns
 * the reference counts, changes one.
 */

import { QuickstepError } from '../errors.ts';

/** A cached sequence as its readers see it. Made, changed and freed by `SlotCache`. */
export interface Sequence {
  /** Unique within its cache. */
  readonly id: number;
  /** Number of cached entries. */
  readonly length: number;
  /** Position of the next token: tokens seen so far, evicted and skipped ones included. */
  readonly nextPosition: number;
  /** Slots in entry order, `[length]`. A view, valid until the sequence changes; throws `disposed` after free. */
  readonly slots: Int32Array;
  /** Positions in entry order, ascending, `[length]`. A view, like `slots`. */
  readonly positions: Int32Array;
}

const firstRoom = 64;

/** The changeable side of a `Sequence`. Knows nothing about reference counts. */
export class Entries implements Sequence {
  readonly id: number;
  length = 0;
  nextPosition = 0;
  #slots = new Int32Array(firstRoom);
  #positions = new Int32Array(firstRoom);
  #freed = false;

  constructor(id: number) {
    this.id = id;
  }

  get slots(): Int32Array {
    this.#assertLive();
    return this.#slots.subarray(0, this.length);
  }

  get positions(): Int32Array {
    this.#assertLive();
    return this.#positions.subarray(0, this.length);
  }

  /** A copy under another id: the same slots at the same positions. */
  copy(id: number): Entries {
    const copy = new Entries(id);
    copy.#slots = this.#slots.slice();
    copy.#positions = this.#positions.slice();
    copy.length = this.length;
    copy.nextPosition = this.nextPosition;
    return copy;
  }

  /** Adds entries at consecutive positions from `nextPosition`. */
  append(slots: Int32Array): void {
    const length = this.length + slots.length;
    this.#reserve(length);
    this.#slots.set(slots, this.length);
    for (let entry = this.length; entry < length; entry++) this.#positions[entry] = this.nextPosition++;
    this.length = length;
  }

  /** Keeps the first `length` entries; the next token takes the position of the first entry dropped. */
  crop(length: number): void {
    if (length === this.length) return;
    this.nextPosition = this.#positions[length];
    this.length = length;
  }

  /** Drops each entry whose flag is set (`[length]`); the others keep their positions, and so does the next token. */
  drop(flags: Uint8Array): void {
    let kept = 0;
    for (let entry = 0; entry < this.length; entry++) {
      if (flags[entry]) continue;
      this.#slots[kept] = this.#slots[entry];
      this.#positions[kept] = this.#positions[entry];
      kept++;
    }
    this.length = kept;
  }

  /** Replaces each slot `s` by `target[s]`, after slots have moved. */
  remap(target: Int32Array): void {
    for (let entry = 0; entry < this.length; entry++) this.#slots[entry] = target[this.#slots[entry]];
  }

  /** Ends the sequence: reading its entries throws from now on. */
  close(): void {
    this.length = 0;
    this.#freed = true;
  }

  #reserve(length: number): void {
    if (length <= this.#slots.length) return;
    const room = Math.max(length, this.#slots.length * 2);
    const slots = new Int32Array(room);
    const positions = new Int32Array(room);
    slots.set(this.slots);
    positions.set(this.positions);
    this.#slots = slots;
    this.#positions = positions;
  }

  #assertLive(): void {
    if (!this.#freed) return;
    throw new QuickstepError(
      'disposed',
      `Sequence ${this.id} was freed.`,
      'Create a new sequence, or free this one later.',
    );
  }
}
