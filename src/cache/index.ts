/** The slot cache: bookkeeping of slots and sequences, the K/V tensors they index, and the rows of a forward. */
export { bucketOf } from './buckets.ts';
export { KvBatch } from './kv-batch.ts';
export { KvCache } from './kv-cache.ts';
export { type KvShape, KvStore, type NewRows } from './kv-store.ts';
export { type CachedPrefix, commonPrefix, PrefixStore, rowsOf } from './prefix-store.ts';
export {
  type Attention,
  buildRows,
  masked,
  type RowGroup,
  type RowOptions,
  RowScratch,
  type Rows,
} from './rows.ts';
export type { Sequence } from './sequence.ts';
export { type Move, SlotCache, type SlotCacheOptions } from './slot-cache.ts';
