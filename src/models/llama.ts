/**
 * The Llama family from one description: RMS norm, rotary grouped-query attention and a gated feed-forward layer,
 * with the variations Qwen2 (q/k/v bias), Qwen3 (q/k norm), Mistral (sliding window, a matter of the bias) and
 * Llama 3 (scaled RoPE) as configuration. Causal or bidirectional attention is the caller's bias.
 *
 * Program: ids or embeddings [rows], positions [rows], bias [rows, slots + rows], head rows [heads], cached K/V
 * [kvHeads, slots, headDim] a layer  →  new K/V rows [kvHeads, rows, headDim] a layer, and for the head rows
 * logits [heads, vocab], the top token, its logit and log Σ exp.
 */

import { QuickstepError } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { float32, type Graph, type Value } from '../graph/types.ts';
import { attention, roundValues } from './attention.ts';
import type { LlamaConfig } from './config.ts';
import { type Linear, linear, type Precision, tiedEmbedding } from './linear.ts';
import { ropeTables } from './rope.ts';

/** Where weights come from: float32 tensors by Hugging Face name. */
export interface WeightSource {
  read(name: string): Promise<Float32Array>;
}

export interface LlamaOptions {
  precision: Precision;
  /** Order-independent attention sums, see attention.ts. Default: with w8a8, where bitwise equal rows matter. */
  exact?: boolean;
  /** Program input: token ids, or embeddings [rows, hidden] in their place. */
  input?: 'ids' | 'embeddings';
  /** Run only the first so many layers; the head then reads their result. */
  layers?: number;
  /** Also output the residual stream after these layers, `hidden.<layer>` [rows, hidden]; 0 is the embedding. */
  hidden?: readonly number[];
  /** Also output the attention probabilities of these layers, `attention.<layer>` [heads, rows, slots + rows]. */
  attention?: readonly number[];
  /** Also output the final normed hidden state of the head rows, `final` [heads, hidden]. */
  final?: boolean;
}

/** Reads weights by name and checks their sizes. */
function reader(source: WeightSource) {
  return async (name: string, ...shape: number[]): Promise<Float32Array> => {
    const data = await source.read(name);
    const size = shape.reduce((a, b) => a * b, 1);
    if (data.length === size) return data;
    throw new QuickstepError(
      'bad-file',
      `${name} has ${data.length} elements, config.json makes it [${shape.join(', ')}].`,
      'Fetch the checkpoint again.',
    );
  };
}

function concatenate(...parts: Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

interface LayerWeights {
  inputNorm: Float32Array;
  postNorm: Float32Array;
  qkv: Float32Array;
  qkvBias?: Float32Array;
  queryNorm?: Float32Array;
  keyNorm?: Float32Array;
  output: Float32Array;
  gateUp: Float32Array;
  down: Float32Array;
  /** Bound on |value| under unit RMS input. */
  valueRange: number;
}

async function readLayer(
  config: LlamaConfig,
  read: ReturnType<typeof reader>,
  layer: number,
): Promise<LayerWeights> {
  const { hiddenSize: d, intermediateSize: ffn, heads, kvHeads, headDim } = config;
  const [q, kv] = [heads * headDim, kvHeads * headDim];
  const at = (name: string) => `model.layers.${layer}.${name}`;
  const inputNorm = await read(at('input_layernorm.weight'), d);
  const value = await read(at('self_attn.v_proj.weight'), kv, d);
  const bias = async (name: string, size: number) =>
    config.qkvBias ? read(at(`self_attn.${name}.bias`), size) : new Float32Array();
  const valueBias = await bias('v_proj', kv);
  return {
    inputNorm,
    postNorm: await read(at('post_attention_layernorm.weight'), d),
    qkv: concatenate(
      await read(at('self_attn.q_proj.weight'), q, d),
      await read(at('self_attn.k_proj.weight'), kv, d),
      value,
    ),
    qkvBias: config.qkvBias
      ? concatenate(await bias('q_proj', q), await bias('k_proj', kv), valueBias)
      : undefined,
    queryNorm: config.qkNorm ? await read(at('self_attn.q_norm.weight'), headDim) : undefined,
    keyNorm: config.qkNorm ? await read(at('self_attn.k_norm.weight'), headDim) : undefined,
    output: await read(at('self_attn.o_proj.weight'), d, q),
    gateUp: concatenate(
      await read(at('mlp.gate_proj.weight'), ffn, d),
      await read(at('mlp.up_proj.weight'), ffn, d),
    ),
    down: await read(at('mlp.down_proj.weight'), d, ffn),
    valueRange: valueRange(value, inputNorm, valueBias, d),
  };
}

/**
 * A normed row x has ‖x / γ‖ = √d, so |w·x| ≤ √d ‖w ∘ γ‖ (Cauchy-Schwarz). Real values stay far below: the grid
 * is laid for a quarter of the largest bound.
 */
function valueRange(weight: Float32Array, norm: Float32Array, bias: Float32Array, d: number): number {
  let largest = 0;
  for (let row = 0; row * d < weight.length; row++) {
    let squares = 0;
    for (let i = 0; i < d; i++) squares += (weight[row * d + i] * norm[i]) ** 2;
    largest = Math.max(largest, Math.sqrt(d * squares) / 4 + Math.abs(bias[row] ?? 0));
  }
  return Math.max(largest, 1e-6);
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
  const { hiddenSize: d, heads, kvHeads, headDim, normEpsilon } = config;
  const { precision, exact = precision === 'w8a8', input = 'ids', layers = config.layers } = options;
  for (const layer of [layers, ...(options.hidden ?? []), ...(options.attention ?? [])]) {
    if (!Number.isInteger(layer) || layer < 0 || layer > config.layers) {
      throw new QuickstepError(
        'bad-option',
        `Layer ${layer} does not exist.`,
        `The model has ${config.layers} layers.`,
      );
    }
  }
  const b = new GraphBuilder();
  const read = reader(source);
  const positions = b.reshape(b.cast(b.input('positions', 'int32', ['rows']), 'int64'), [1, 'rows']);
  const bias = b.input('bias', 'float32', ['rows', 'rows+slots']);
  const headRows = b.input('headRows', 'int32', ['headRows']);
  const tables = ropeTables(config, config.contextLength);
  const [cos, sin] = [b.constant(tables.cos), b.constant(tables.sin)];
  const norm = (x: Value, weight: Float32Array) =>
    b.rmsNorm(x, b.constant(float32([weight.length], weight)), normEpsilon);

  const table = await read('model.embed_tokens.weight', config.vocabSize, d);
  const embedding = tiedEmbedding(b, table, config.vocabSize, d, precision);
  let x =
    input === 'ids'
      ? embedding.lookup(b.input('ids', 'int32', ['rows']))
      : b.input('embeddings', 'float32', ['rows', d]);
  if (options.hidden?.includes(0)) b.output('hidden.0', x);

  for (let layer = 0; layer < layers; layer++) {
    const w = await readLayer(config, read, layer);
    const project = (data: Float32Array, out: number, inner: number): Linear =>
      linear(b, data, out, inner, precision);
    let qkv = project(w.qkv, (heads + 2 * kvHeads) * headDim, d)(norm(x, w.inputNorm));
    if (w.qkvBias) qkv = b.add(qkv, b.constant(float32([w.qkvBias.length], w.qkvBias)));
    const [query, key, value] = splitHeads(qkv, w);
    const { mixed, probabilities } = attention(b, config, {
      query,
      key,
      value,
      pastKey: b.input(`pastKey.${layer}`, 'float32', [kvHeads, 'slots', headDim]),
      pastValue: b.input(`pastValue.${layer}`, 'float32', [kvHeads, 'slots', headDim]),
      bias,
      exact,
    });
    b.output(`key.${layer}`, key);
    b.output(`value.${layer}`, value);
    if (options.attention?.includes(layer)) b.output(`attention.${layer}`, probabilities);
    x = b.add(x, project(w.output, d, heads * headDim)(mixed));
    const ffn = config.intermediateSize;
    const [gate, up] = b.split(project(w.gateUp, 2 * ffn, d)(norm(x, w.postNorm)), 1, [ffn, ffn]);
    x = b.add(x, project(w.down, d, ffn)(b.mul(b.silu(gate), up)));
    if (options.hidden?.includes(layer + 1)) b.output(`hidden.${layer + 1}`, x);
  }

  const final = norm(b.gather(x, headRows), await read('model.norm.weight', d));
  if (options.final) b.output('final', final);
  const head = config.tiedEmbeddings
    ? embedding.head
    : linear(b, await read('lm_head.weight', config.vocabSize, d), config.vocabSize, d, precision);
  outputLogits(b, head(final));
  return b.build();

  /** [rows, (heads + 2 kvHeads) · headDim] as rotated queries and keys and grid values, each [heads, rows, headDim]. */
  function splitHeads(qkv: Value, w: LayerWeights): [Value, Value, Value] {
    const [both, values] = b.split(qkv, 1, [(heads + kvHeads) * headDim, kvHeads * headDim]);
    const perHead = (x: Value, count: number) => b.reshape(x, ['rows', count, headDim]);
    let normed = both;
    if (w.queryNorm && w.keyNorm) {
      const [queries, keys] = b.split(perHead(both, heads + kvHeads), 1, [heads, kvHeads]);
      normed = b.concat([norm(queries, w.queryNorm), norm(keys, w.keyNorm)], 1);
    }
    const rotated = b.rotary(
      b.reshape(normed, [1, 'rows', (heads + kvHeads) * headDim]),
      positions,
      cos,
      sin,
    );
    const [query, key] = b.split(b.transpose(perHead(rotated, heads + kvHeads), [1, 0, 2]), 0, [
      heads,
      kvHeads,
    ]);
    const value = b.transpose(perHead(values, kvHeads), [1, 0, 2]);
    return [query, key, exact ? roundValues(b, value, w.valueRange) : value];
  }
}

/** Logits and what policies read reduced, so that whole rows of logits leave the graph only on request. */
function outputLogits(b: GraphBuilder, logits: Value): void {
  const top = b.reduceMax(logits, [1]);
  b.output('logits', logits);
  b.output('topToken', b.argMax(logits, 1));
  b.output('topLogit', b.reshape(top, ['headRows']));
  const mass = b.reduceSum(b.exp(b.sub(logits, top)), [1], false);
  b.output('logSumExp', b.add(b.log(mass), b.reshape(top, ['headRows'])));
}
