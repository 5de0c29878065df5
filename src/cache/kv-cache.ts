/**
 * One lane's K/V cache: slots and the tensors they index, kept in step. Alone it owns its store; caches that a
 * `KvBatch` opened share one, and its capacity.
 * A forward reads `store.key(layer)` and `store.value(layer)` at `capacity`; `commit` then keeps the rows that were
 * accepted and drops the others by not writing them, so a rejected draft needs no rollback. Keys were rotated for
 * `nextPosition + depth`, which is the position a path's rows get here, so they are stored as they are.
 */

import { bucketOf } from './buckets.ts';
import { type KvShape, KvStore, type NewRows } from './kv-store.ts';
import type { Sequence } from './sequence.ts';
import { SlotCache, type SlotCacheOptions } from './slot-cache.ts';

/** A smaller capacity pays when it takes at least a quarter away; what stays is copied. */
export const isSparse = (needed: number, capacity: number): boolean => needed <= 0.75 * capacity;

export class KvCache {
  /** Create, fork, crop, evict and free sequences here. */
  readonly slots: SlotCache;
  readonly store: KvStore;
  /** Which lane of the store; changed by the batch only. */
  lane = 0;
  readonly #capacityOfOthers: () => number;

  /**
   * @param batch The store of a batch, and the capacity its other lanes need.
   * @throws QuickstepError `bad-shape` or `bad-option` for sizes that are not positive integers.
   */
  constructor(
    shape: KvShape,
    options: SlotCacheOptions = {},
    batch?: { store: KvStore; capacityOfOthers: (cache: KvCache) => number },
  ) {
    this.slots = new SlotCache(options);
    this.store = batch?.store ?? new KvStore(shape);
    this.#capacityOfOthers = () => batch?.capacityOfOthers(this) ?? 0;
  }

  /** Slots the tensors are laid out for: what `buildRows` and the graph inputs must use. */
  get capacity(): number {
    return this.store.capacity;
  }

  /**
   * Makes room for `count` more tokens that are about to come, such as a long prompt in chunks. The capacity stays:
   * it follows the tokens as they are committed.
   * @throws QuickstepError `out-of-memory`.
   */
  reserve(count: number): void {
    this.store.reserve(bucketOf(this.slots.highWater + count));
  }

  /**
   * Appends the accepted rows of a forward to `sequence` and returns their slots. The capacity grows as needed.
   * On any failure the sequence is as it was.
   * @param rowIndices Rows of the forward from `outputs.offset` on (a group's offset included) in path order, the first a child of the
   * cached prefix.
   * @throws QuickstepError `out-of-memory`, `bad-shape` when `outputs` do not fit the store, `disposed`.
   */
  commit(sequence: Sequence, outputs: NewRows, rowIndices: ArrayLike<number>): Int32Array {
    const { offset = 0 } = outputs;
    const length = sequence.length;
    const sources = offset === 0 ? rowIndices : Int32Array.from(rowIndices, (row) => row + offset);
    const slots = this.slots.append(sequence, rowIndices.length);
    try {
      if (this.slots.capacity > this.capacity) this.store.resize(this.slots.capacity);
      this.store.write(outputs, sources, slots, this.lane);
    } catch (error) {
      this.slots.crop(sequence, length);
      throw error;
    }
    return slots;
  }

  /**
   * Squeezes the slots in use together and lowers the capacity, if that makes it clearly smaller. Call it after
   * freeing, cropping or evicting, between forwards. Returns whether anything changed; if so, rows built before
   * are stale.
   */
  compactIfSparse(): boolean {
    const target = Math.max(bucketOf(this.slots.used), this.#capacityOfOthers());
    if (this.capacity === 0 || !isSparse(target, this.capacity)) return false;
    this.store.move(this.slots.compact(), this.lane);
    this.store.resize(target);
    return true;
  }
}
