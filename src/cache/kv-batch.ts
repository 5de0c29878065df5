/**
 * The caches of requests that are decoded side by side: a lane each of one store, neighbours in memory, so that a
 * forward over all of them reads the tensors in place. Lanes have one capacity, that of the longest.
 */

import { isSparse, KvCache } from './kv-cache.ts';
import { type KvShape, KvStore } from './kv-store.ts';
import type { SlotCacheOptions } from './slot-cache.ts';

export class KvBatch {
  readonly store: KvStore;
  readonly #options: SlotCacheOptions;
  /** By lane. */
  readonly #caches: KvCache[] = [];

  /** @throws QuickstepError `bad-shape` or `bad-option`, as `KvCache`. */
  constructor(shape: KvShape, options: SlotCacheOptions = {}) {
    this.store = new KvStore(shape);
    this.#options = options;
  }

  /** Slots in use in all lanes. */
  get used(): number {
    return this.#caches.reduce((sum, cache) => sum + cache.slots.used, 0);
  }

  /**
   * Opens an empty lane.
   * @throws QuickstepError `out-of-memory`.
   */
  open(): KvCache {
    const lane = this.#caches.length;
    this.store.setLanes(lane + 1);
    const capacityOfOthers = (cache: KvCache) =>
      Math.max(0, ...this.#caches.map((other) => (other === cache ? 0 : other.slots.capacity)));
    const cache = new KvCache(this.store.shape, this.#options, { store: this.store, capacityOfOthers });
    cache.lane = lane;
    this.#caches.push(cache);
    return cache;
  }

  /**
   * Closes a lane; the last one takes its place, and the capacity follows the longest that is left, as the cost of every
   * forward follows the capacity. Closing twice does nothing.
   */
  close(cache: KvCache): void {
    const { lane } = cache;
    if (this.#caches[lane] !== cache) return;
    const last = this.#caches.pop()!;
    if (last !== cache) {
      this.store.copyLane(last.lane, lane);
      last.lane = lane;
      this.#caches[lane] = last;
    }
    this.store.setLanes(Math.max(1, this.#caches.length));
    const needed = Math.max(0, ...this.#caches.map(({ slots }) => slots.capacity));
    if (isSparse(needed, this.store.capacity)) this.store.resize(needed);
  }
}
