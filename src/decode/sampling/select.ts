/**
 * Selection over a row of logits: the best token, the best m, a full sort. One order holds everywhere:
 * higher logit first, lower id on ties (-0 ties with +0).
 * The sort is a least-significant-digit radix sort over the bits of the float, stable and linear:
 * 49,152 tokens take well under a millisecond, where a comparison sort takes about ten.
 */

/**
 * How many best tokens to look at before sorting them all. The head of a language model's distribution nearly always
 * holds the token or the mass that is looked for.
 */
export const headSize = 256;

/** From this share of the row on, a full sort is cheaper than a heap. */
const heapShare = 1 / 32;

/**
 * Index, relative to `offset`, of the largest of `length` values; the lowest index on ties. NaN never wins.
 * @param logits any number of rows laid end to end
 */
export function argmax(logits: Float32Array, offset = 0, length = logits.length - offset): number {
  let best = 0;
  let bestValue = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < length; index++) {
    const value = logits[offset + index];
    if (value > bestValue) {
      best = index;
      bestValue = value;
    }
  }
  return best;
}

/** Ids, ascending, of the tokens that are not ruled out (logit above -Infinity). */
export function candidates(logits: Float32Array): Int32Array {
  const ids = new Int32Array(logits.length);
  let count = 0;
  for (let id = 0; id < logits.length; id++) {
    ids[count] = id;
    if (logits[id] !== Number.NEGATIVE_INFINITY) count++;
  }
  return ids.subarray(0, count);
}

const digitBits = 11;
const digits = 1 << digitBits;
const passes = 3;

/**
 * The ids sorted by `values[id]` descending, lower id first on ties.
 * @param values one value per id, no NaN
 * @param ids ascending; not changed
 */
export function sortDescending(values: Float32Array, ids: Int32Array): Int32Array {
  const count = ids.length;
  const floats = new Float32Array(count);
  // Adding zero turns -0 into +0, so that the two tie.
  for (let index = 0; index < count; index++) floats[index] = values[ids[index]] + 0;
  let keys = new Int32Array(floats.buffer);
  const histogram = new Int32Array(passes * digits);
  for (let index = 0; index < count; index++) {
    const bits = keys[index];
    // Read as unsigned, the bits of positive floats ascend and those of negative ones descend: flip the former.
    const key = bits < 0 ? bits : bits ^ 0x7fffffff;
    keys[index] = key;
    histogram[key & (digits - 1)]++;
    histogram[digits + ((key >>> digitBits) & (digits - 1))]++;
    histogram[2 * digits + (key >>> (2 * digitBits))]++;
  }
  let order = ids.slice();
  let nextKeys = new Int32Array(count);
  let nextOrder = new Int32Array(count);
  for (let pass = 0; pass < passes; pass++) {
    const starts = histogram.subarray(pass * digits, (pass + 1) * digits);
    let start = 0;
    for (let digit = 0; digit < digits; digit++) {
      const size = starts[digit];
      starts[digit] = start;
      start += size;
    }
    const shift = pass * digitBits;
    for (let index = 0; index < count; index++) {
      const key = keys[index];
      const place = starts[(key >>> shift) & (digits - 1)]++;
      nextKeys[place] = key;
      nextOrder[place] = order[index];
    }
    [keys, nextKeys] = [nextKeys, keys];
    [order, nextOrder] = [nextOrder, order];
  }
  return order;
}

/**
 * Ids of the `m` largest logits (all when there are fewer), largest first, lower id on ties.
 * A heap of `m` entries with the worst on top, so most tokens cost one comparison.
 */
export function topM(logits: Float32Array, m: number): Int32Array {
  const size = Math.min(m, logits.length);
  if (size > headSize && size > heapShare * logits.length) {
    const everyId = new Int32Array(logits.length);
    for (let id = 0; id < everyId.length; id++) everyId[id] = id;
    return sortDescending(logits, everyId).subarray(0, size);
  }
  const heap = new Int32Array(size);
  if (size === 0) return heap;
  const worse = (a: number, b: number) => logits[a] < logits[b] || (logits[a] === logits[b] && a > b);
  const sink = (start: number) => {
    const id = heap[start];
    let hole = start;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && worse(heap[child + 1], heap[child])) child++;
      if (!worse(heap[child], id)) break;
      heap[hole] = heap[child];
      hole = child;
    }
    heap[hole] = id;
  };
  for (let id = 0; id < size; id++) heap[id] = id;
  for (let start = (size >> 1) - 1; start >= 0; start--) sink(start);
  let threshold = logits[heap[0]];
  for (let id = size; id < logits.length; id++) {
    // Ids ascend, so a tie with the worst kept token never replaces it.
    if (logits[id] > threshold) {
      heap[0] = id;
      sink(0);
      threshold = logits[heap[0]];
    }
  }
  return sortDescending(logits, heap.sort());
}
