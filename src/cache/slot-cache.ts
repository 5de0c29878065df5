/**
 * The slot cache: which slots of the K/V tensors are in use, how often, and by which sequences.
 * A slot holds one token's K and V in every layer. Sequences share slots by reference count, so a fork copies
 * nothing: appended tokens always take fresh slots, and no slot in use is ever written again. Allocation takes the
 * lowest free slot first, which keeps the capacity, and with it the cost of attention, close to what is in use.
 *
 * Contract: pure bookkeeping. The K/V data live in `KvStore`; `KvCache` keeps the two together.
 */

import { QuickstepError } from '../errors.ts';
import { bucketOf } from './buckets.ts';
import { Entries, type Sequence } from './sequence.ts';

/** A run of neighbouring slots that changes place: slot `from + i` becomes `to + i` for `i < count`. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export interface SlotCacheOptions {
  /** Most slots ever in use at once. By default more than any K/V tensor can hold. */
  maxSlots?: number;
}

export class SlotCache {
  readonly maxSlots: number;
  #sequences = new Set<Entries>();
  #nextId = 0;
  /** Referencing sequences per slot; every slot from `#highWater` up has none. */
  #references = new Int32Array(64);
  #used = 0;
  #highWater = 0;
  /** No free slot lies below this one. */
  #lowestFree = 0;

  /** @throws QuickstepError `bad-option` when `maxSlots` is not a positive integer. */
  constructor({ maxSlots = 2 ** 24 }: SlotCacheOptions = {}) {
    if (!Number.isSafeInteger(maxSlots) || maxSlots < 1) {
      throw new QuickstepError(
        'bad-option',
        `maxSlots is ${maxSlots}.`,
        'Give a positive whole number of tokens.',
      );
    }
    this.maxSlots = maxSlots;
  }

  /** Slots in use; a slot shared by several sequences counts once. */
  get used(): number {
    return this.#used;
  }

  /** One more than the highest slot in use, 0 when none is. */
  get highWater(): number {
    return this.#highWater;
  }

  /** The smallest capacity the K/V tensors can have right now. */
  get capacity(): number {
    return bucketOf(this.#highWater);
  }

  /** How many sequences reference `slot`. Dropping an entry frees memory only where this is 1. */
  references(slot: number): number {
    return this.#references[slot] ?? 0;
  }

  /** A new, empty sequence. Free it when it is no longer needed. */
  createSequence(): Sequence {
    const sequence = new Entries(this.#nextId++);
    this.#sequences.add(sequence);
    return sequence;
  }

  /**
   * A second sequence with the same entries, sharing every slot.
   * @throws QuickstepError `disposed` when `sequence` was freed.
   */
  fork(sequence: Sequence): Sequence {
    const fork = this.#entries(sequence).copy(this.#nextId++);
    for (const slot of fork.slots) this.#references[slot]++;
    this.#sequences.add(fork);
    return fork;
  }

  /**
   * Gives slots to the next `count` positions and returns them in order, `[count]`. All or nothing.
   * @throws QuickstepError `out-of-memory` beyond `maxSlots`, `disposed` when `sequence` was freed.
   */
  append(sequence: Sequence, count: number): Int32Array {
    const entries = this.#entries(sequence);
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new QuickstepError('bad-input', `Cannot append ${count} tokens.`, 'Give a whole number.');
    }
    if (this.#used + count > this.maxSlots) {
      throw new QuickstepError(
        'out-of-memory',
        `The cache has ${this.maxSlots} slots, ${this.#used} in use: ${count} more do not fit.`,
        'Shorten the prompt, free finished sequences, or raise maxSlots.',
      );
    }
    const slots = new Int32Array(count);
    for (let i = 0; i < count; i++) slots[i] = this.#allocate();
    entries.append(slots);
    return slots;
  }

  /**
   * Passes over the next `count` positions, as if their tokens had been appended and evicted.
   * @throws QuickstepError `bad-input` when `count` is no whole number, `disposed` when `sequence` was freed.
   */
  skip(sequence: Sequence, count: number): void {
    const entries = this.#entries(sequence);
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new QuickstepError('bad-input', `Cannot skip ${count} positions.`, 'Give a whole number.');
    }
    entries.nextPosition += count;
  }

  /**
   * Keeps the first `length` entries. The next token takes the position of the first entry dropped.
   * @throws QuickstepError `bad-input` when `length` is not within the sequence, `disposed` when it was freed.
   */
  crop(sequence: Sequence, length: number): void {
    const entries = this.#entries(sequence);
    if (!Number.isSafeInteger(length) || length < 0 || length > entries.length) {
      throw new QuickstepError(
        'bad-input',
        `Cannot crop sequence ${entries.id} of ${entries.length} entries to ${length}.`,
        'Give a length from 0 to the number of cached entries.',
      );
    }
    for (const slot of entries.slots.subarray(length)) this.#release(slot);
    entries.crop(length);
  }

  /**
   * Drops the entries at `indices` (entry indices, any order, repeats allowed). Every other entry keeps its
   * position, and `nextPosition` stays: evicted tokens were still seen.
   * @throws QuickstepError `bad-input` for an index outside the sequence, `disposed` when it was freed.
   */
  evict(sequence: Sequence, indices: Iterable<number>): void {
    const entries = this.#entries(sequence);
    const flags = new Uint8Array(entries.length);
    for (const index of indices) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= entries.length) {
        throw new QuickstepError(
          'bad-input',
          `Cannot evict entry ${index} of sequence ${entries.id}, which has ${entries.length} entries.`,
          'Give entry indices, not positions or slots.',
        );
      }
      flags[index] = 1;
    }
    entries.slots.forEach((slot, index) => {
      if (flags[index]) this.#release(slot);
    });
    entries.drop(flags);
  }

  /**
   * Ends a sequence and gives its slots back where nobody else references them.
   * @throws QuickstepError `disposed` when it was freed before.
   */
  free(sequence: Sequence): void {
    const entries = this.#entries(sequence);
    for (const slot of entries.slots) this.#release(slot);
    entries.close();
    this.#sequences.delete(entries);
  }

  /**
   * Squeezes the slots in use to the front in their order, and renames them in every sequence. Returns the moves
   * the data must follow, lowest first: applied in this order, none overwrites a slot that is still to be moved.
   */
  compact(): Move[] {
    const target = new Int32Array(this.#highWater);
    const moves: Move[] = [];
    let live = 0;
    for (let start = 0; start < this.#highWater; ) {
      let end = start;
      while (end < this.#highWater && this.#references[end] > 0) target[end++] = live++;
      const count = end - start;
      const to = live - count;
      if (count > 0 && to < start) moves.push({ from: start, to, count });
      start = end + 1;
    }
    if (moves.length === 0) return moves;
    for (const { from, to, count } of moves) this.#references.copyWithin(to, from, from + count);
    this.#references.fill(0, live);
    for (const sequence of this.#sequences) sequence.remap(target);
    this.#highWater = live;
    this.#lowestFree = live;
    return moves;
  }

  #allocate(): number {
    let slot = this.#lowestFree;
    while (slot < this.#highWater && this.#references[slot] > 0) slot++;
    if (slot === this.#references.length) {
      const references = new Int32Array(slot * 2);
      references.set(this.#references);
      this.#references = references;
    }
    this.#references[slot] = 1;
    this.#lowestFree = slot + 1;
    this.#highWater = Math.max(this.#highWater, slot + 1);
    this.#used++;
    return slot;
  }

  #release(slot: number): void {
    if (--this.#references[slot] > 0) return;
    this.#used--;
    this.#lowestFree = Math.min(this.#lowestFree, slot);
    while (this.#highWater > 0 && this.#references[this.#highWater - 1] === 0) this.#highWater--;
  }

  #entries(sequence: Sequence): Entries {
    if (sequence instanceof Entries && this.#sequences.has(sequence)) return sequence;
    throw new QuickstepError(
      'disposed',
      `Sequence ${sequence.id} is not in this cache: it was freed, or another cache made it.`,
      'Create a new sequence.',
    );
  }
}
