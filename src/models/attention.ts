/**
 * Grouped-query attention over the slot cache (DESIGN 3.3): scores against cached keys and against the new rows
 * are two products; what a row may see is only the additive bias, so chains, trees and bidirectional blocks are the
 * same program. Lanes are a batch of independent caches, each with its own rows.
 *
 * Order-independent sums. Float addition is not associative, so a row's result would depend in its last bit on
 * whether a key is still a new row or already in a slot, and the int8 rounding that follows turns such bits into
 * different tokens. In 'exact' mode weights and values are rounded to fixed-point grids on which every partial
 * sum is a float32 integer multiple below 2^24, hence exact in any order:
 *   c = round(2^12 exp(s - max s)),  p = round(2^13 c / Σc),  o = Σ p v / Σ p,  v a multiple of its layer's grid.
 * The sums are exact for up to 4,096 visible keys and |v| within the grid's range; beyond, they are ordinary sums.
 * (The idea is that of reproducible summation, Demmel and Nguyen 2013, with a grid known beforehand.)
 */

import type { GraphBuilder } from '../graph/builder.ts';
import { multiplyDims, type Value } from '../graph/types.ts';

export interface AttentionShape {
  heads: number;
  kvHeads: number;
  headDim: number;
}

export interface AttentionInputs {
  /** [lanes, heads, rows, headDim], rotated. */
  query: Value;
  /** New rows [lanes, kvHeads, rows, headDim], rotated. */
  key: Value;
  value: Value;
  /** Cached [lanes, kvHeads, slots, headDim]. */
  pastKey: Value;
  pastValue: Value;
  /** [lanes, 1, rows, slots + rows] */
  bias: Value;
  exact: boolean;
}

const weightGrid = 2 ** 12;
const probabilityGrid = 2 ** 13;

/** Values are multiples of range / 2^10, so that Σ p |v| / grid stays below 2^24. */
const valueSteps = 2 ** 10;

/** Rounds new value rows to a power-of-two grid that resolves `range`; see the file header. */
export function roundValues(b: GraphBuilder, value: Value, range: number): Value {
  const steps = valueSteps / 2 ** Math.ceil(Math.log2(range));
  return b.mul(b.round(b.mul(value, steps)), 1 / steps);
}

/** Attention weights [lanes, heads, rows, slots + rows] (they sum to `total`) of masked scores. */
function attentionWeights(b: GraphBuilder, scores: Value, exact: boolean): { weights: Value; total?: Value } {
  if (!exact) return { weights: b.softmax(scores) };
  // exp(s - max + ln 2^12) saves a pass over all scores.
  const counts = b.round(b.exp(b.sub(scores, b.sub(b.reduceMax(scores, [3]), Math.log(weightGrid)))));
  const weights = b.round(b.mul(counts, b.div(probabilityGrid, b.reduceSum(counts, [3]))));
  return { weights, total: b.reduceSum(weights, [3]) };
}

/**
 * Mixed values [lanes, rows, heads · headDim], and the attention probabilities [lanes, heads, rows, slots + rows],
 * which cost nothing unless they are made an output.
 */
export function attention(
  b: GraphBuilder,
  { heads, kvHeads, headDim }: AttentionShape,
  inputs: AttentionInputs,
): { mixed: Value; probabilities: Value } {
  const [lanes, , rows] = inputs.query.shape;
  const slots = inputs.pastKey.shape[2];
  const columns = inputs.bias.shape[3];
  // Query heads that share a key-value head are stacked as rows, so that one product reads each key once.
  const stacked = multiplyDims(rows, heads / kvHeads);
  const query = b.reshape(inputs.query, [lanes, kvHeads, stacked, headDim]);
  // A scale other than 1 also keeps ONNX Runtime off its one-row kernels, which add up in another order.
  const options = { transposeB: true, scale: 1 / Math.sqrt(headDim) };
  const scores = b.concat(
    [b.matmul(query, inputs.pastKey, options), b.matmul(query, inputs.key, options)],
    3,
  );
  const perHead = b.add(b.reshape(scores, [lanes, heads, rows, columns]), inputs.bias);
  const { weights, total } = attentionWeights(b, perHead, inputs.exact);
  const stackedWeights = b.reshape(weights, [lanes, kvHeads, stacked, columns]);
  const [pastWeights, freshWeights] = b.split(stackedWeights, 3, [slots, rows]);
  const summed = b.add(b.matmul(pastWeights, inputs.pastValue), b.matmul(freshWeights, inputs.value));
  const perQuery = b.reshape(summed, [lanes, heads, rows, headDim]);
  const mixed = total ? b.div(perQuery, total) : perQuery;
  return {
    mixed: b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [lanes, rows, heads * headDim]),
    probabilities: total ? b.div(weights, total) : weights,
  };
}
