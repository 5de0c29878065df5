/**
 * The Llama family as a trainable program: the layers of llama.ts over whole sequences, without a cache, with weights
 * as inputs under their Hugging Face names, so that what is trained is what is saved. fp32 throughout; attention is
 * ordinary softmax (see attention.ts for the order-independent form that decoding uses).
 */

import { QuickstepError } from '../errors.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import type { Value } from '../graph/types.ts';
import type { LlamaConfig } from './config.ts';
import { ropeTables } from './rope.ts';

/**
 * Hugging Face names and shapes of a checkpoint's weights.
 * @throws QuickstepError 'unsupported' for a model with experts.
 */
export function llamaWeightShapes(config: LlamaConfig): Map<string, readonly number[]> {
  if (config.experts) {
    const hint = 'Start from a model with one feed-forward layer.';
    throw new QuickstepError('unsupported', 'Models with experts cannot be trained.', hint);
  }
  const { hiddenSize: d, intermediateSize: ffn, heads, kvHeads, headDim, vocabSize } = config;
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [vocabSize, d]]]);
  for (let layer = 0; layer < config.layers; layer++) {
    const add = (name: string, shape: readonly number[]) =>
      shapes.set(`model.layers.${layer}.${name}`, shape);
    add('input_layernorm.weight', [d]);
    for (const [name, size] of [
      ['q', heads * headDim],
      ['k', kvHeads * headDim],
      ['v', kvHeads * headDim],
    ] as const) {
      add(`self_attn.${name}_proj.weight`, [size, d]);
      if (config.qkvBias) add(`self_attn.${name}_proj.bias`, [size]);
    }
    if (config.qkNorm) {
      add('self_attn.q_norm.weight', [headDim]);
      add('self_attn.k_norm.weight', [headDim]);
    }
    add('self_attn.o_proj.weight', [d, heads * headDim]);
    add('post_attention_layernorm.weight', [d]);
    add('mlp.gate_proj.weight', [ffn, d]);
    add('mlp.up_proj.weight', [ffn, d]);
    add('mlp.down_proj.weight', [d, ffn]);
  }
  shapes.set('model.norm.weight', [d]);
  if (!config.tiedEmbeddings) shapes.set('lm_head.weight', [vocabSize, d]);
  return shapes;
}

/** How the program gets its weights: by name, and as a product with one, which adapters may extend. */
export interface TrainableWeights {
  value(name: string): Value;
  /** x [.., in] · Wᵀ for the weight [out, in] of that name. */
  linear(name: string, x: Value): Value;
}

export interface TrainableInputs {
  /** int32 [batch, rows] */
  ids: Value;
  /** int32 [batch, rows] */
  positions: Value;
  /** Additive attention bias, broadcast to [batch, heads, rows, rows]. */
  bias: Value;
}

export interface TrainableOptions {
  /** Recompute each layer in the backward pass instead of keeping its activations. */
  checkpointLayers?: boolean;
  /** int32 [n] Rows of batch·rows that get logits; all without it. */
  headRows?: Value;
  /** Applied to what attention and feed-forward layers add to the residual stream [batch·rows, hidden]. */
  dropout?: (x: Value) => Value;
}

/** Adds the model to a program; returns logits [head rows, vocab] and the final normed hidden state of those rows. */
export function trainableLlama(
  b: GraphBuilder,
  config: LlamaConfig,
  weights: TrainableWeights,
  inputs: TrainableInputs,
  { checkpointLayers = false, headRows, dropout = (x) => x }: TrainableOptions = {},
): { logits: Value; hidden: Value } {
  const [batch, rows] = inputs.ids.shape;
  const layers = trainableLayers(b, config, weights, inputs, dropout);

  const embedding = weights.value('model.embed_tokens.weight');
  let x = b.gather(embedding, b.reshape(inputs.ids, [`${batch}*${rows}`]));
  for (let layer = 0; layer < config.layers; layer++) {
    const body = () => layers(x, layer);
    x = checkpointLayers ? b.checkpoint(body) : body();
  }
  const last = headRows ? b.gather(x, headRows) : x;
  const hidden = b.rmsNorm(last, weights.value('model.norm.weight'), config.normEpsilon);
  const logits = config.tiedEmbeddings
    ? b.matmul(hidden, embedding, { transposeB: true })
    : weights.linear('lm_head.weight', hidden);
  return { logits, hidden };
}

/** The decoder layers, each as a function that adds it to a program: x [batch·rows, hidden] to x of the same shape. */
export function trainableLayers(
  b: GraphBuilder,
  config: LlamaConfig,
  weights: TrainableWeights,
  inputs: Omit<TrainableInputs, 'ids'>,
  dropout: (x: Value) => Value = (x) => x,
): (x: Value, layer: number) => Value {
  const { heads, kvHeads, headDim, normEpsilon } = config;
  const [batch, rows] = inputs.positions.shape;
  const tokens = `${batch}*${rows}`;
  const positions = b.cast(inputs.positions, 'int64');
  const tables = ropeTables(config, config.contextLength);
  const [cos, sin] = [b.constant(tables.cos), b.constant(tables.sin)];
  const norm = (x: Value, name: string) => b.rmsNorm(x, weights.value(name), normEpsilon);
  return (x, layer) => decoderLayer(x, `model.layers.${layer}.`);

  /** x + attention, then + feed-forward. */
  function decoderLayer(x: Value, prefix: string): Value {
    const attended = b.add(x, dropout(attention(norm(x, `${prefix}input_layernorm.weight`), prefix)));
    const normed = norm(attended, `${prefix}post_attention_layernorm.weight`);
    const gate = weights.linear(`${prefix}mlp.gate_proj.weight`, normed);
    const up = weights.linear(`${prefix}mlp.up_proj.weight`, normed);
    const down = weights.linear(`${prefix}mlp.down_proj.weight`, b.mul(b.silu(gate), up));
    return b.add(attended, dropout(down));
  }

  function attention(x: Value, prefix: string): Value {
    const project = (name: string) => {
      const y = weights.linear(`${prefix}self_attn.${name}_proj.weight`, x);
      return config.qkvBias ? b.add(y, weights.value(`${prefix}self_attn.${name}_proj.bias`)) : y;
    };
    const query = turned(project('q'), heads, `${prefix}self_attn.q_norm.weight`);
    const key = turned(project('k'), kvHeads, `${prefix}self_attn.k_norm.weight`);
    const value = b.transpose(b.reshape(project('v'), [batch, rows, kvHeads, headDim]), [0, 2, 1, 3]);
    const scale = 1 / Math.sqrt(headDim);
    const scores = b.matmul(query, shared(key), { transposeB: true, scale });
    const mixed = b.matmul(b.softmax(b.add(scores, inputs.bias)), shared(value));
    const joined = b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [tokens, heads * headDim]);
    return weights.linear(`${prefix}self_attn.o_proj.weight`, joined);
  }

  /** Normed (Qwen3) and rotated heads [batch, heads, rows, headDim] of [batch·rows, heads · headDim]. */
  function turned(x: Value, count: number, normName: string): Value {
    const normed = config.qkNorm ? norm(b.reshape(x, [tokens, count, headDim]), normName) : x;
    const turned = b.rotary(b.reshape(normed, [batch, rows, count * headDim]), positions, cos, sin);
    return b.transpose(b.reshape(turned, [batch, rows, count, headDim]), [0, 2, 1, 3]);
  }

  /** Key-value heads repeated for the query heads that share them. */
  function shared(x: Value): Value {
    if (heads === kvHeads) return x;
    const group = heads / kvHeads;
    const repeated = b.expand(b.reshape(x, [batch, kvHeads, 1, rows, headDim]), [
      batch,
      kvHeads,
      group,
      rows,
      headDim,
    ]);
    return b.reshape(repeated, [batch, heads, rows, headDim]);
  }
}
