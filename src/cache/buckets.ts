/**
 * Capacity buckets: how many slots the K and V tensors are laid out for when a given number is in use.
 * Attention cost rises with capacity, so buckets hug the real length; each change of capacity re-lays out the
 * whole cache and meets a new tensor shape, so buckets are not single slots. This table is the one place to tune.
 *
 * Contract: a capacity is 0 or a multiple of 32. The attention kernel relies on it for full vector lanes.
 */

/** Up to `limit` slots, capacities are multiples of `step`. Above 512 slots, steps stay below an eighth of the length. */
const buckets = [
  { limit: 512, step: 32 },
  { limit: 1024, step: 64 },
  { limit: 4096, step: 128 },
  { limit: Number.POSITIVE_INFINITY, step: 256 },
];

/**
 * The smallest capacity that holds `slots` slots.
 * Zero stays zero: a first chunk runs without any past, so its softmax covers the new rows only.
 */
export function bucketOf(slots: number): number {
  const { step } = buckets.find(({ limit }) => slots <= limit)!;
  return Math.ceil(slots / step) * step;
}
