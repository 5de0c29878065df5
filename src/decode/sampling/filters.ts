/**
 * Stages that rule tokens out: top-k, locally typical, top-p, min-p. Each writes -Infinity over the logits it drops,
 * keeps at least one token, and normalizes over what the stages before it left. On ties the lower id stays.
 * Input: a row with a finite maximum and no NaN.
 * Sources: top-k, Fan et al. 2018; top-p, Holtzman et al. 2020; typical, Meister et al. 2023; min-p, Nguyen et al. 2024.
 */
import { candidates, headSize, sortDescending, topM } from './select.ts';
import { type Normalizer, normalizer } from './softmax.ts';

/** Keeps `ids` and rules out every other token. */
function keepOnly(logits: Float32Array, ids: Int32Array): void {
  const kept = new Float32Array(ids.length);
  for (let rank = 0; rank < ids.length; rank++) kept[rank] = logits[ids[rank]];
  logits.fill(Number.NEGATIVE_INFINITY);
  for (let rank = 0; rank < ids.length; rank++) logits[ids[rank]] = kept[rank];
}

/** The shortest prefix of `ids` whose probabilities sum to at least `mass`; undefined when all of them do not. */
function prefixOfMass(
  logits: Float32Array,
  ids: Int32Array,
  { max, sum }: Normalizer,
  mass: number,
): Int32Array | undefined {
  let rest = mass * sum;
  for (let rank = 0; rank < ids.length; rank++) {
    rest -= Math.exp(logits[ids[rank]] - max);
    if (rest <= 0) return ids.subarray(0, rank + 1);
  }
  return undefined;
}

/** Keeps the tokens that come first by `rank`, descending, until their probabilities sum to `mass`. */
function keepMass(logits: Float32Array, rank: Float32Array, total: Normalizer, mass: number): void {
  let kept = prefixOfMass(logits, topM(rank, headSize), total, mass);
  if (!kept) {
    const all = sortDescending(rank, candidates(logits));
    kept = prefixOfMass(logits, all, total, mass) ?? all;
  }
  keepOnly(logits, kept);
}

/**
 * Keeps the `k` most likely tokens.
 * @param k at least 1
 */
export function keepTopK(logits: Float32Array, k: number): void {
  if (k < logits.length) keepOnly(logits, topM(logits, k));
}

/**
 * Keeps the fewest most likely tokens with at least probability `mass` together.
 * @param mass 0 to 1
 */
export function keepTopP(logits: Float32Array, mass: number): void {
  keepMass(logits, logits, normalizer(logits), mass);
}

/**
 * Keeps the tokens whose surprise -log p is closest to the entropy H, until their probabilities sum to `mass`.
 * The distance | -log p - H | is compared in single precision, the precision of the logits.
 * @param mass 0 to 1
 */
export function keepTypical(logits: Float32Array, mass: number): void {
  const total = normalizer(logits);
  let shiftedMean = 0;
  for (let id = 0; id < logits.length; id++) {
    const shifted = logits[id] - total.max;
    if (shifted > Number.NEGATIVE_INFINITY) shiftedMean += (Math.exp(shifted) / total.sum) * shifted;
  }
  // -log p - H = (log sum - shifted) - (log sum - shiftedMean)
  const closeness = new Float32Array(logits.length);
  for (let id = 0; id < logits.length; id++) {
    closeness[id] = -Math.abs(logits[id] - total.max - shiftedMean);
  }
  keepMass(logits, closeness, total, mass);
}

/**
 * Keeps the tokens with p >= `ratio` times the largest p, compared as logits.
 * @param ratio 0 to 1
 */
export function keepMinP(logits: Float32Array, ratio: number): void {
  let max = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) if (logits[id] > max) max = logits[id];
  const floor = Math.log(ratio);
  for (let id = 0; id < logits.length; id++) {
    if (logits[id] - max < floor) logits[id] = Number.NEGATIVE_INFINITY;
  }
}
