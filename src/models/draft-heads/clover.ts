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
import { type KvCache, RowScratch, type Sequence } from '../../cache/index.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { Program } from '../../graph/session.ts';
import { float32, type Graph, type Tensor, type Value } from '../../graph/types.ts';
import type { LlamaConfig } from '../config.ts';
import { layOut, newRowsOf } from '../forward.ts';
import type { LanguageModel } from '../language-model.ts';
import { linear, type Precision } from '../linear.ts';
import { spareRows } from '../llama.ts';
import { decoderLayer } from '../llama-layer.ts';
import { llamaWeightShapes, type TrainableWeights } from '../llama-training.ts';
import { type LayerWeights, LlamaWeights } from '../llama-weights.ts';
import { ropeTables } from '../rope.ts';
import { type DraftBase, finalNorm, ownBasis, readDraftBase } from './base.ts';
import { type HeadShapes, type HeadWeights, headFacts, openHeadFile } from './file.ts';
import { outputRanked, type Ranked, rankedRow } from './ranked.ts';
import { EmbeddingRows } from './rows.ts';

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
function readingGraph(
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
function followingGraph(facts: CloverFacts, data: HeadWeights, base: DraftBase, precision: Precision): Graph {
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

/** What a head guesses, and the g that it guesses from. */
export interface Guess extends Ranked {
  /** [hidden] */
  state: Float32Array;
}

/** Rows of a text that the model has read, for the augmenting block. */
export interface CloverRows {
  cache: KvCache;
  sequence: Sequence;
  /** The model's states [rows, hidden], in its program's basis. */
  states: Float32Array;
  /** The token behind each row. */
  following: readonly number[];
  /** Rows that the first head guesses from, ascending. */
  asked: readonly number[];
}

/** Clover heads, ready to run. */
export class CloverHeads implements AsyncDisposable {
  readonly facts: CloverFacts;
  /** Shape of the augmenting block's cache. */
  readonly config: LlamaConfig;
  readonly #reading: Program;
  readonly #following: Program;
  readonly #embeddings: EmbeddingRows;
  readonly #scratch = new RowScratch();

  private constructor(
    facts: CloverFacts,
    config: LlamaConfig,
    programs: readonly [reading: Program, following: Program],
    embeddings: EmbeddingRows,
  ) {
    this.facts = facts;
    this.config = config;
    [this.#reading, this.#following] = programs;
    this.#embeddings = embeddings;
  }

  static async load(
    { facts, weights }: { facts: CloverFacts; weights: HeadWeights },
    base: DraftBase,
    precision: Precision,
  ): Promise<CloverHeads> {
    const config = augmentingConfig(facts, base);
    const source = { read: async (name: string) => weights.get(name)! };
    const layer = await new LlamaWeights(config, source, false).layer(0);
    // Rows through such small products are not worth a second thread.
    const options = { threads: 1 };
    const reading = await Program.load(readingGraph(facts, weights, layer, base, precision), options);
    const following = await Program.load(followingGraph(facts, weights, base, precision), options);
    const embeddings = new EmbeddingRows(base.embedding, base.hiddenSize);
    return new CloverHeads(facts, config, [reading, following], embeddings);
  }

  /**
   * Runs rows through the augmenting block and caches them; guesses of the first head at the rows asked for. The caches
   * are of one batch, and one call follows the other.
   * @throws QuickstepError 'bad-input' for a row beyond the context, 'out-of-memory'.
   */
  async read(lanes: readonly CloverRows[]): Promise<Guess[][]> {
    const { hiddenSize: d } = this.facts;
    const groups = lanes.map(({ cache, sequence, following, asked }) => ({
      cache,
      groups: [{ sequence, tokens: following, scored: asked }],
    }));
    const batch = layOut(groups, this.config, {}, this.#scratch);
    // The embeddings stand in the place of token ids.
    const { ids, weights, ...inputs } = batch.inputs;
    const shape = [batch.lanes, batch.rows, d];
    const [states, embeddings] = [0, 1].map(() => new Float32Array(batch.lanes * batch.rows * d));
    for (const [i, { lane }] of batch.places.entries()) {
      states.set(lanes[i].states, lane * batch.rows * d);
      embeddings.set(this.#embeddings.of(lanes[i].following), lane * batch.rows * d);
    }
    const outputs = await this.#reading.run({
      ...inputs,
      states: float32(shape, states),
      embeddings: float32(shape, embeddings),
    });
    let row = 0;
    return lanes.map(({ cache, sequence, following, asked }, i) => {
      const newRows = newRowsOf(batch, outputs, this.config, batch.places[i].lane);
      cache.commit(sequence, newRows, [...following.keys()]);
      return asked.map(() => this.#guess(outputs, row++));
    });
  }

  /** Guesses behind a token that the head before guessed, for each of some. */
  async follow(guesses: readonly { state: Float32Array; token: number }[]): Promise<Guess[]> {
    const { hiddenSize: d, regressive } = this.facts;
    const states = new Float32Array(guesses.length * d);
    for (const [n, { state }] of guesses.entries()) states.set(state, n * d);
    const embeddings = regressive
      ? this.#embeddings.of(guesses.map(({ token }) => token))
      : new Float32Array(states.length);
    const outputs = await this.#following.run({
      states: float32([guesses.length, d], states),
      embeddings: float32([guesses.length, d], embeddings),
    });
    return guesses.map((_, row) => this.#guess(outputs, row));
  }

  #guess(outputs: Readonly<Record<string, Tensor>>, row: number): Guess {
    const { hiddenSize: d } = this.facts;
    const state = (outputs.g.data as Float32Array).subarray(row * d, (row + 1) * d);
    return { ...rankedRow(outputs, row), state };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reading[Symbol.asyncDispose]();
    await this.#following[Symbol.asyncDispose]();
  }
}

/**
 * Reads the heads of a folder, or of a name in the package, for a model.
 * @throws QuickstepError as `openHeadFile` and `readDraftBase`.
 */
export async function loadClover(model: LanguageModel, id: string): Promise<CloverHeads> {
  const file = await openHeadFile(id, 'clover', model, { facts: cloverFacts, shapes: cloverShapes });
  return CloverHeads.load(file, await readDraftBase(model, file.facts.tokens), model.precision);
}
