/**
 * A sparse probability distribution over token ids, and drawing from it by inverting its cumulative sum with one
 * uniform number. Includes the residual max(0, p - q) of speculative sampling (Leviathan et al. 2023,
 * Chen et al. 2023).
 */
import { type RandomKey, uniform } from '../random.ts';
import { candidates, headSize, sortDescending, topM } from './select.ts';
import { type Normalizer, normalizer } from './softmax.ts';

/** Token ids with positive probability, most likely first, lower id on ties. Other ids have probability 0. */
export type Distribution = {
  /** `[size]` */
  readonly ids: Int32Array;
  /** `[size]`, not increasing, sum 1 within rounding. */
  readonly probs: Float64Array;
};

/** The distribution that always gives `token`: greedy decoding, or a draft without probabilities. */
export function pointMass(token: number): Distribution {
  return { ids: Int32Array.of(token), probs: Float64Array.of(1) };
}

/** `exp(logit - max) / sum` for ids in descending order, cut where it underflows to 0. */
function normalize(logits: Float32Array, ids: Int32Array, { max, sum }: Normalizer): Distribution {
  const probs = new Float64Array(ids.length);
  let size = 0;
  for (; size < ids.length; size++) {
    probs[size] = Math.exp(logits[ids[size]] - max) / sum;
    if (probs[size] === 0) break;
  }
  return { ids: ids.subarray(0, size), probs: probs.subarray(0, size) };
}

/**
 * Softmax of the logits above -Infinity. Tokens whose probability underflows to 0 are left out.
 * @param logits a row with a finite maximum and no NaN
 */
export function softmax(logits: Float32Array): Distribution {
  return normalize(logits, sortDescending(logits, candidates(logits)), normalizer(logits));
}

/** Probability of `token`; 0 when it is not among the ids. Linear in the size of the distribution. */
export function probabilityOf(distribution: Distribution, token: number): number {
  const rank = distribution.ids.indexOf(token);
  return rank < 0 ? 0 : distribution.probs[rank];
}

/** The id at which the cumulative sum of `weights` exceeds `share`; undefined when all of them do not reach it. */
function invert(ids: Int32Array, weights: Float64Array, share: number): number | undefined {
  let rest = share;
  for (let rank = 0; rank < ids.length; rank++) {
    rest -= weights[rank];
    if (rest < 0) return ids[rank];
  }
  return undefined;
}

/** Draws a token. The same key gives the same token. */
export function sample({ ids, probs }: Distribution, key: RandomKey): number {
  // Rounding may leave the sum a little below 1: the last token takes the rest.
  return invert(ids, probs, uniform(key)) ?? ids[ids.length - 1];
}

/** Equal to `sample(softmax(logits), key)`, but sorts the whole row only when the draw falls outside its head. */
export function sampleLogits(logits: Float32Array, key: RandomKey): number {
  const total = normalizer(logits);
  const head = normalize(logits, topM(logits, headSize), total);
  const token = invert(head.ids, head.probs, uniform(key));
  return token ?? sample(normalize(logits, sortDescending(logits, candidates(logits)), total), key);
}

/** Probability by token id, [largest id + 1]. */
function dense({ ids, probs }: Distribution, largest: number): Float64Array {
  const byId = new Float64Array(largest + 1);
  for (let rank = 0; rank < ids.length; rank++) if (ids[rank] <= largest) byId[ids[rank]] = probs[rank];
  return byId;
}

/** `weights` by rank of `ids`, normalized and ordered; undefined when they sum to 0. */
function fromWeights(ids: Int32Array, weights: Float64Array): Distribution | undefined {
  let total = 0;
  for (const weight of weights) total += weight;
  if (!(total > 0)) return undefined;
  const kept = [...ids.keys()].filter((rank) => weights[rank] > 0);
  kept.sort((a, b) => weights[b] - weights[a] || ids[a] - ids[b]);
  return {
    ids: Int32Array.from(kept, (rank) => ids[rank]),
    probs: Float64Array.from(kept, (rank) => weights[rank] / total),
  };
}

/**
 * max(0, p - q), normalized: what the next token is drawn from after a token drawn from `q` was refused. Accepting a
 * draft x with probability min(1, p(x) / q(x)) and drawing from this otherwise gives tokens distributed as `p`.
 * Undefined where nothing is left: then p equals q, and a refusal has probability 0 up to rounding.
 */
export function residual(p: Distribution, q: Distribution): Distribution | undefined {
  const drafted = dense(
    q,
    p.ids.reduce((largest, id) => Math.max(largest, id), 0),
  );
  return fromWeights(
    p.ids,
    p.probs.map((probability, rank) => Math.max(0, probability - drafted[p.ids[rank]])),
  );
}

/** The distribution given that it is not `token`; undefined when there is no other. */
export function without(distribution: Distribution, token: number): Distribution | undefined {
  const { ids, probs } = distribution;
  return fromWeights(
    ids,
    probs.map((probability, rank) => (ids[rank] === token ? 0 : probability)),
  );
}
