/** One decoder layer of the Llama family over the slot cache, for whole models (llama.ts) and for what drafts with one. */

import type { GraphBuilder } from '../graph/builder.ts';
import { float32, type Value } from '../graph/types.ts';
import { attention, roundValues } from './attention.ts';
import type { LlamaConfig } from './config.ts';
import { weightByRouter } from './experts.ts';
import { type Linear, linear, type Precision } from './linear.ts';
import { feedForwardWidth, type LayerWeights } from './llama-weights.ts';

export interface LayerInputs {
  /** int64 [lanes, rows] */
  positions: Value;
  /** Rotary tables [positions, headDim / 2]. */
  cos: Value;
  sin: Value;
  /** [lanes, 1, rows, slots + rows] */
  bias: Value;
  /** Cached [lanes, kvHeads, slots, headDim]. */
  pastKey: Value;
  pastValue: Value;
}

export interface LayerOptions {
  precision: Precision;
  /** Order-independent attention sums, see attention.ts. */
  exact: boolean;
  /** Applied to the feed-forward activations [lanes, rows, width] before the last product. Default: nothing. */
  feedForward?: (h: Value) => Value;
}

/**
 * Adds a layer to a program: x [lanes, rows, hidden] to the new x, the new K/V rows [lanes, kvHeads, rows, headDim] and
 * the attention probabilities [lanes, heads, rows, slots + rows], which cost nothing unless they are made an output.
 */
export function decoderLayer(
  b: GraphBuilder,
  config: LlamaConfig,
  w: LayerWeights,
  x: Value,
  { positions, cos, sin, bias, pastKey, pastValue }: LayerInputs,
  { precision, exact, feedForward = (h) => h }: LayerOptions,
): { x: Value; key: Value; value: Value; probabilities: Value } {
  const { hiddenSize: d, heads, kvHeads, headDim, normEpsilon } = config;
  const width = feedForwardWidth(config);
  const norm = (x: Value, weight: Float32Array) =>
    b.rmsNorm(x, b.constant(float32([weight.length], weight)), normEpsilon);
  const project = (data: Float32Array, out: number, inner: number): Linear =>
    linear(b, data, out, inner, precision);

  let qkv = project(w.qkv, (heads + 2 * kvHeads) * headDim, d)(norm(x, w.inputNorm));
  if (w.qkvBias) qkv = b.add(qkv, b.constant(float32([w.qkvBias.length], w.qkvBias)));
  const [query, key, value] = splitHeads(qkv);
  const inputs = { query, key, value, pastKey, pastValue, bias, exact };
  const { mixed, probabilities } = attention(b, config, inputs);
  const attended = b.add(x, project(w.output, d, heads * headDim)(mixed));
  const normed = norm(attended, w.postNorm);
  const [gate, up] = b.split(project(w.gateUp, 2 * width, d)(normed), 2, [width, width]);
  let h = b.mul(b.silu(gate), up);
  if (w.router) h = weightByRouter(b, config, h, normed, w.router);
  return { x: b.add(attended, project(w.down, d, width)(feedForward(h))), key, value, probabilities };

  /**
   * [lanes, rows, (heads + 2 kvHeads) · headDim] as rotated queries and keys and grid values, each
   * [lanes, heads, rows, headDim].
   */
  function splitHeads(qkv: Value): [Value, Value, Value] {
    const turning = heads + kvHeads;
    const [both, values] = b.split(qkv, 2, [turning * headDim, kvHeads * headDim]);
    const perHead = (x: Value, count: number) => b.reshape(x, ['lanes', 'rows', count, headDim]);
    let normed = both;
    if (w.queryNorm && w.keyNorm) {
      const [queries, keys] = b.split(perHead(both, turning), 2, [heads, kvHeads]);
      const joined = b.concat([norm(queries, w.queryNorm), norm(keys, w.keyNorm)], 2);
      normed = b.reshape(joined, ['lanes', 'rows', turning * headDim]);
    }
    const turned = b.transpose(perHead(b.rotary(normed, positions, cos, sin), turning), [0, 2, 1, 3]);
    const [query, key] = b.split(turned, 1, [heads, kvHeads]);
    const value = b.transpose(perHead(values, kvHeads), [0, 2, 1, 3]);
    return [query, key, exact ? roundValues(b, value, w.valueRange) : value];
  }
}
