/** Clover heads as programs: what they guess behind rows of texts, and behind guesses. */

import { type KvCache, RowScratch, type Sequence } from '../../cache/index.ts';
import { Program } from '../../graph/session.ts';
import { float32, type Tensor } from '../../graph/types.ts';
import type { LlamaConfig } from '../config.ts';
import { layOut, newRowsOf } from '../forward.ts';
import type { LanguageModel } from '../language-model.ts';
import type { Precision } from '../linear.ts';
import { LlamaWeights } from '../llama-weights.ts';
import { type DraftBase, readDraftBase } from './base.ts';
import {
  augmentingConfig,
  type CloverFacts,
  cloverFacts,
  cloverShapes,
  followingGraph,
  readingGraph,
} from './clover.ts';
import { type HeadWeights, openHeadFile } from './file.ts';
import { type Ranked, rankedRow } from './ranked.ts';
import { EmbeddingRows } from './rows.ts';

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
    const newRows = newRowsOf(batch, outputs, this.config);
    let row = 0;
    return lanes.map(({ cache, sequence, following, asked }, i) => {
      const { lane } = batch.places[i];
      cache.commit(sequence, { ...newRows, lane }, [...following.keys()]);
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
