/**
 * The Llama family from one description: RMS norm, rotary grouped-query attention and a gated feed-forward layer,
 * with the variations Qwen2 (q/k/v bias), Qwen3 (q/k norm), Mistral (sliding window, a matter of the bias), Llama 3
 * (scaled RoPE) and LLaDA-MoE (experts) as configuration. Causal or bidirectional attention is the caller's bias.
 *
 * Program: ids and weights [lanes, rows, parts] or embeddings, positions [lanes, rows], bias [lanes, 1, rows, slots + rows], cached K/V
 * [lanes, kvHeads, slots, headDim] a layer, head rows as indices into lanes · rows  →  new K/V rows
 * [lanes, kvHeads, rows, headDim] a layer, the residual stream behind the last layer [lanes, rows, hidden] (`states`, in
 * the program's basis), and for the head rows logits [headRows, vocab], the top token and Σ exp(logit - top logit). A
 * lane is a cache of its own; one lane is the usual case.
 */

import { masked } from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { float32, type Graph, type Value } from '../graph/types.ts';
import type { LlamaConfig } from './config.ts';
import { linear, type Precision, tiedEmbedding } from './linear.ts';
import { decoderLayer } from './llama-layer.ts';
import { feedForwardWidth, LlamaWeights, type WeightSource } from './llama-weights.ts';
import { ropeTables } from './rope.ts';
import { topToken } from './top-token.ts';

export interface LlamaOptions {
  precision: Precision;
  /** Order-independent attention sums, see attention.ts. Default: with w8a8, where bitwise equal rows matter. */
  exact?: boolean;
  /** Rotate activations before they are quantized, see rotation.ts. Default: unless fp32. */
  rotate?: boolean;
  /**
   * Program input: token ids with weights, each row Σ weight · embedding over its parts; or embeddings [lanes, rows,
   * hidden] in their place.
   */
  input?: 'ids' | 'embeddings';
  /** Run only the first so many layers; the head then reads their result. */
  layers?: number;
  /** Also output the residual stream after these layers, `hidden.<layer>` [lanes, rows, hidden]; 0 is the embedding. */
  hidden?: readonly number[];
  /** Also output the attention probabilities of these layers, `attention.<layer>` [lanes, heads, rows, slots + rows]. */
  attention?: readonly number[];
  /** Also output the final normed hidden state of the head rows, `final` [headRows, hidden]. */
  final?: boolean;
  /** Told after each layer's weights are in the program. */
  onProgress?: (layers: number, total: number) => void;
}

/**
 * Builds the program of a checkpoint. Weights are read one layer at a time.
 * @throws QuickstepError 'bad-file' when a weight does not fit the config, 'bad-option' for a layer that does not exist.
 */
export async function buildLlama(
  config: LlamaConfig,
  source: WeightSource,
  options: LlamaOptions,
): Promise<Graph> {
  const { hiddenSize: d, kvHeads, headDim, normEpsilon } = config;
  const { precision, exact = precision === 'w8a8', rotate = precision !== 'fp32' } = options;
  const { input = 'ids', layers = config.layers } = options;
  checkLayers('layers', [layers], config.layers);
  checkLayers('hidden', options.hidden ?? [], layers);
  checkLayers('attention', options.attention ?? [], layers - 1);
  const width = feedForwardWidth(config);
  const b = new GraphBuilder();
  const weights = new LlamaWeights(config, source, rotate);
  const { rotations } = weights;
  const matrix = rotations && square(b, rotations.residual.matrix(), d);
  const feedForwardMatrix =
    rotations && square(b, rotations.feedForward.matrix(), rotations.feedForward.size);
  /** From the program's basis back to the model's own, for outputs. */
  const restored = (x: Value) => (matrix ? b.matmul(x, matrix, { transposeB: true }) : x);
  const positions = b.cast(b.input('positions', 'int32', ['lanes', 'rows']), 'int64');
  const bias = b.input('bias', 'float32', ['lanes', 1, 'rows', 'rows+slots']);
  const headRows = b.input('headRows', 'int32', ['headRows']);
  const tables = ropeTables(config, config.contextLength + spareRows);
  const [cos, sin] = [b.constant(tables.cos), b.constant(tables.sin)];
  const norm = (x: Value, weight: Float32Array) =>
    b.rmsNorm(x, b.constant(float32([weight.length], weight)), normEpsilon);

  const embedding = tiedEmbedding(b, await weights.embedding(), config.vocabSize, d, precision);
  let x: Value;
  if (input === 'ids') {
    // One part of weight 1, which is a token, comes out of this as it went in, bit for bit.
    const parts = embedding.lookup(b.input('ids', 'int32', ['lanes', 'rows', 'parts']));
    const weights = b.input('weights', 'float32', ['lanes', 'rows', 'parts', 1]);
    x = b.reduceSum(b.mul(parts, weights), [2], false);
  } else {
    const embeddings = b.input('embeddings', 'float32', ['lanes', 'rows', d]);
    x = matrix ? b.matmul(embeddings, matrix) : embeddings;
  }
  if (options.hidden?.includes(0)) b.output('hidden.0', restored(x));

  for (let layer = 0; layer < layers; layer++) {
    const w = await weights.layer(layer);
    const inputs = {
      positions,
      cos,
      sin,
      bias,
      pastKey: b.input(`pastKey.${layer}`, 'float32', ['lanes', kvHeads, 'slots', headDim]),
      pastValue: b.input(`pastValue.${layer}`, 'float32', ['lanes', kvHeads, 'slots', headDim]),
    };
    const done = decoderLayer(b, config, w, x, inputs, { precision, exact, feedForward: blockRotated });
    x = done.x;
    b.output(`key.${layer}`, done.key);
    b.output(`value.${layer}`, done.value);
    if (options.attention?.includes(layer)) b.output(`attention.${layer}`, done.probabilities);
    if (options.hidden?.includes(layer + 1)) b.output(`hidden.${layer + 1}`, restored(x));
    options.onProgress?.(layer + 1, layers);
  }

  b.output('states', x);
  const gamma = await weights.finalNorm();
  const last = norm(
    b.gather(b.reshape(x, ['lanes*rows', d]), headRows),
    rotations ? new Float32Array(d).fill(1) : gamma,
  );
  if (options.final)
    b.output('final', rotations ? b.mul(restored(last), b.constant(float32([d], gamma))) : last);
  let logits: Value;
  if (!config.tiedEmbeddings) {
    logits = linear(b, await weights.head(gamma), config.vocabSize, d, precision)(last);
  } else if (rotations) {
    // The table also looks tokens up, so the last norm's weight cannot move into it: Qᵀ diag(γ) Q goes before it.
    const conjugate = rotations.residual.conjugate(gamma).map((value) => value * 2);
    logits = embedding.head(b.matmul(last, square(b, conjugate, d), { scale: 0.5 }));
  } else logits = embedding.head(last);
  outputLogits(b, config.maskTokenId === undefined ? logits : withoutMask(b, logits, config));
  return b.build();

  /** Rotates blocks of the feed-forward activations [lanes, rows, width]. */
  function blockRotated(h: Value): Value {
    if (!rotations) return h;
    const { size } = rotations.feedForward;
    const blocks = b.reshape(h, ['lanes', 'rows', width / size, size]);
    return b.reshape(b.matmul(blocks, feedForwardMatrix!), ['lanes', 'rows', width]);
  }
}

/** The rotary kernel refuses tables with fewer positions than a run has rows, which a draft tree may have. */
export const spareRows = 512;

/** An output of a layer that the program does not run would be missing without a word. */
function checkLayers(option: string, layers: readonly number[], last: number): void {
  const wrong = layers.find((layer) => !Number.isInteger(layer) || layer < 0 || layer > last);
  if (wrong === undefined) return;
  const hint = `Give layers from 0 to ${last}.`;
  throw new QuickstepError('bad-option', `${option}: there is no layer ${wrong} here.`, hint);
}

const square = (b: GraphBuilder, data: Float32Array, size: number) => b.constant(float32([size, size], data));

/**
 * The mask token gets no probability: it stands for a token and is none (zero masking probability in Sahoo et
 * al. 2024, "Simple and Effective Masked Diffusion Language Models"). In the graph, so that the reduced outputs know of it too.
 */
export function withoutMask(b: GraphBuilder, logits: Value, { maskTokenId, vocabSize }: LlamaConfig): Value {
  const bias = new Float32Array(vocabSize);
  bias[maskTokenId!] = masked;
  return b.add(logits, b.constant(float32([vocabSize], bias)));
}

/** Logits and what policies read reduced, so that whole rows of logits leave the graph only on request. */
function outputLogits(b: GraphBuilder, logits: Value): void {
  const { top, token } = topToken(b, logits);
  b.output('logits', logits);
  b.output('topToken', token);
  // Without its logarithm, whose vector kernel rounds differently from the one that ends a run of rows.
  b.output('expSum', b.reduceSum(b.exp(b.sub(logits, top)), [1], false));
}
