/**
 * Clover heads (arXiv:2405.00263): each guesses with the token before its own in sight. From the model's last state s,
 * of root mean square 1, and the embedding e of the token that the model gave there,
 *
 *   g₁ = layer(AD(s, e))                 augmenting block: one decoder layer, which sees the text through its own cache
 *   z₁ = norm(M₁ g₁)                     the token behind that one
 *   gᵢ = AD(gᵢ₋₁, eᵢ₋₁)                  regressive connection: eᵢ₋₁ is the embedding of the token guessed before
 *   zᵢ = norm(M₂ [gᵢ; eᵢ₋₁])             the next, for i > 1
 *   AD(s, e) = s + cos(q, k) v           attention decoder, head by head: q = Wq norm(s), k = Wk e, v = Wv e
 *
 * and logits = head z, with the model's own last norm and output head, of which only the rows of frequent tokens are
 * used. Heads from the second on share M₂; the attention decoder is shared by all. Embeddings have a root mean square of 1.
 */

import { z } from 'zod';
import { GraphBuilder } from '../../graph/builder.ts';
import { float32, type Graph, type Value } from '../../graph/types.ts';
import type { LlamaConfig } from '../config.ts';
import { linear, type Precision } from '../linear.ts';
import { spareRows } from '../llama.ts';
import { decoderLayer } from '../llama-layer.ts';
import { llamaWeightShapes, type TrainableWeights } from '../llama-training.ts';
import type { LayerWeights } from '../llama-weights.ts';
import { ropeTables } from '../rope.ts';
import { type DraftBase, finalNorm, ownBasis } from './base.ts';
import { type HeadShapes, type HeadWeights, headFacts } from './file.ts';
import { outputRanked } from './ranked.ts';

const facts = z.strictObject({
  kind: z.literal('clover'),
  ...headFacts,
  /** Heads of the attention decoder. */
  decoderHeads: z.int().min(1).max(256),
  /** The augmenting layer. */
  layer: z.strictObject({
    heads: z.int().min(1).max(256),
    kvHeads: z.int().min(1).max(256),
    headDim: z.int().min(2).max(1024),
    intermediateSize: z.int().min(1).max(65536),
    ropeTheta: z.number().positive(),
    /** Rows that it sees, the row itself included. */
    window: z.int().min(1).max(65536),
  }),
  /** False for a control that is told no token guessed before. */
  regressive: z.boolean().default(true),
});
export const cloverFacts = facts.refine(
  ({ hiddenSize, decoderHeads, layer: { heads, kvHeads, headDim } }) =>
    hiddenSize % decoderHeads === 0 && heads % kvHeads === 0 && headDim % 2 === 0,
  'heads do not divide what they share',
);
export type CloverFacts = z.output<typeof cloverFacts>;

type CloverShape = Pick<CloverFacts, 'hiddenSize' | 'vocabSize' | 'decoderHeads' | 'layer'>;

/** The augmenting layer as a model of one layer. */
export function augmentingConfig(
  { hiddenSize, vocabSize, layer: { window, ...layer } }: CloverShape,
  { normEpsilon, contextLength }: Pick<DraftBase, 'normEpsilon' | 'contextLength'>,
): LlamaConfig {
  return {
    modelType: 'llama',
    hiddenSize,
    vocabSize,
    ...layer,
    layers: 1,
    experts: undefined,
    contextLength,
    normEpsilon,
    ropeScaling: { type: 'default' },
    tiedEmbeddings: true,
    slidingWindow: window,
    qkvBias: false,
    qkNorm: false,
    causal: true,
    maskTokenId: undefined,
    corruption: undefined,
    causalPrompt: false,
    shiftLogits: false,
  };
}

/** Prefix of the augmenting layer's weights, whose names are those of a checkpoint. */
export const augmentingPrefix = 'model.layers.0.';

/** Names and shapes of the weights. */
export function cloverShapes(facts: CloverShape): HeadShapes {
  const d = facts.hiddenSize;
  const config = augmentingConfig(facts, { normEpsilon: 1, contextLength: 1 });
  const ofLayer = [...llamaWeightShapes(config)].filter(([name]) => name.startsWith(augmentingPrefix));
  const shapes = new Map<string, readonly number[]>(ofLayer);
  shapes.set('decoder.norm.weight', [d]);
  for (const name of ['query', 'key', 'value']) {
    shapes.set(`decoder.${name}.weight`, [d, d]);
    shapes.set(`decoder.${name}.bias`, [d]);
  }
  shapes.set('first.weight', [d, d]);
  shapes.set('next.weight', [d, 2 * d]);
  return shapes;
}

/** States [.., hidden] as the heads begin with them: in the checkpoint's own basis, of root mean square 1. */
export function unitStates(b: GraphBuilder, base: DraftBase, states: Value): Value {
  const ones = b.constant(float32([base.hiddenSize], new Float32Array(base.hiddenSize).fill(1)));
  return b.rmsNorm(ownBasis(b, base, states), ones, base.normEpsilon);
}

/** AD(s, e) of rows of equal shape [.., hidden]. */
export function attentionDecoder(
  b: GraphBuilder,
  weights: TrainableWeights,
  { hiddenSize, decoderHeads: heads }: CloverShape,
  epsilon: number,
  s: Value,
  e: Value,
): Value {
  const outer = s.shape.slice(0, -1);
  const perHead = (name: string, x: Value) => {
    const y = b.add(weights.linear(`decoder.${name}.weight`, x), weights.value(`decoder.${name}.bias`));
    return b.reshape(y, [...outer, heads, hiddenSize / heads]);
  };
  const axis = outer.length + 1;
  const dot = (x: Value, y: Value) => b.reduceSum(b.mul(x, y), [axis]);
  const q = perHead('query', b.rmsNorm(s, weights.value('decoder.norm.weight'), epsilon));
  const k = perHead('key', e);
  // ε where an embedding is zero.
  const lengths = b.sqrt(b.add(b.mul(dot(q, q), dot(k, k)), epsilon));
  const mixed = b.mul(b.div(dot(q, k), lengths), perHead('value', e));
  return b.add(s, b.reshape(mixed, [...outer, hiddenSize]));
}

/** z₁ of g₁, and zᵢ of gᵢ and the embedding of the token guessed before [rows, hidden]. */
export const firstHidden = (b: GraphBuilder, weights: TrainableWeights, base: DraftBase, g: Value): Value =>
  finalNorm(b, base, weights.linear('first.weight', g));
export const nextHidden = (
  b: GraphBuilder,
  weights: TrainableWeights,
  base: DraftBase,
  g: Value,
  e: Value,
): Value => finalNorm(b, base, weights.linear('next.weight', b.concat([g, e], 1)));

/** Weights as constants of a program. */
function constantWeights(b: GraphBuilder, data: HeadWeights, shapes: HeadShapes, precision: Precision) {
  const weights: TrainableWeights = {
    value: (name) => b.constant(float32(shapes.get(name)!, data.get(name)!)),
    linear: (name, x) => {
      const [out, inner] = shapes.get(name)!;
      return linear(b, data.get(name)!, out, inner, precision)(x);
    },
  };
  return weights;
}

/**
 * Program of the augmenting block and the first head: states and embeddings [lanes, rows, hidden], positions, bias, cached
 * K/V and head rows as in llama.ts  →  new K/V rows, and for the head rows g₁ [headRows, hidden] (`g`) and
 * `outputRanked`.
 */
export function readingGraph(
  facts: CloverFacts,
  data: HeadWeights,
  layer: LayerWeights,
  base: DraftBase,
  precision: Precision,
): Graph {
  const { hiddenSize: d, tokens } = facts;
  const b = new GraphBuilder();
  const config = augmentingConfig(facts, base);
  const weights = constantWeights(b, data, cloverShapes(facts), precision);
  const tables = ropeTables(config, config.contextLength + spareRows);
  const past = ['lanes', config.kvHeads, 'slots', config.headDim];
  const inputs = {
    positions: b.cast(b.input('positions', 'int32', ['lanes', 'rows']), 'int64'),
    cos: b.constant(tables.cos),
    sin: b.constant(tables.sin),
    bias: b.input('bias', 'float32', ['lanes', 1, 'rows', 'rows+slots']),
    pastKey: b.input('pastKey.0', 'float32', past),
    pastValue: b.input('pastValue.0', 'float32', past),
  };
  const s = unitStates(b, base, b.input('states', 'float32', ['lanes', 'rows', d]));
  const e = b.input('embeddings', 'float32', ['lanes', 'rows', d]);
  const merged = attentionDecoder(b, weights, facts, base.normEpsilon, s, e);
  const exact = precision === 'w8a8';
  const { x, key, value } = decoderLayer(b, config, layer, merged, inputs, { precision, exact });
  b.output('key.0', key);
  b.output('value.0', value);
  const g = b.gather(b.reshape(x, ['lanes*rows', d]), b.input('headRows', 'int32', ['headRows']));
  b.output('g', g);
  outputRanked(b, firstHidden(b, weights, base, g), base, tokens, precision);
  return b.build();
}

/** Program of the further heads: g and embeddings [rows, hidden]  →  the next g (`g`) and `outputRanked`. */
export function followingGraph(
  facts: CloverFacts,
  data: HeadWeights,
  base: DraftBase,
  precision: Precision,
): Graph {
  const { hiddenSize: d, tokens } = facts;
  const b = new GraphBuilder();
  const weights = constantWeights(b, data, cloverShapes(facts), precision);
  const e = b.input('embeddings', 'float32', ['rows', d]);
  const g = attentionDecoder(
    b,
    weights,
    facts,
    base.normEpsilon,
    b.input('states', 'float32', ['rows', d]),
    e,
  );
  b.output('g', g);
  outputRanked(b, nextHidden(b, weights, base, g, e), base, tokens, precision);
  return b.build();
}
