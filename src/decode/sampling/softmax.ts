/**
 * Log-softmax over a row of logits, shifted by the maximum and summed in double precision in the order of the ids.
 */

/** The probability of a logit is exp(logit - max) / sum. */
export type Normalizer = { max: number; sum: number };

/** exp(-64) of 2^31 tokens is still below half a unit in the last place of a sum that is at least 1. */
const negligible = -64;

/**
 * What turns a row of logits into probabilities.
 * @param logits any number of rows laid end to end, no NaN
 */
export function normalizer(logits: Float32Array, offset = 0, length = logits.length - offset): Normalizer {
  let max = Number.NEGATIVE_INFINITY;
  for (let index = offset; index < offset + length; index++) if (logits[index] > max) max = logits[index];
  let sum = 0;
  if (max === Number.NEGATIVE_INFINITY) return { max, sum };
  for (let index = offset; index < offset + length; index++) {
    const shifted = logits[index] - max;
    if (!(shifted < negligible)) sum += Math.exp(shifted);
  }
  return { max, sum };
}

/** log(sum(exp(logits))) of one row, in nats. */
export function logSumExp(logits: Float32Array, offset = 0, length = logits.length - offset): number {
  const { max, sum } = normalizer(logits, offset, length);
  return max + Math.log(sum);
}

/** Log probability, in nats, of entry `index` of the row that starts at `offset`. */
export function logSoftmaxAt(
  logits: Float32Array,
  index: number,
  offset = 0,
  length = logits.length - offset,
): number {
  const { max, sum } = normalizer(logits, offset, length);
  return logits[offset + index] - max - Math.log(sum);
}
