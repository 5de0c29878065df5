/**
 * A loaded language model: a program, its tokenizer and what it can do. `forward` is the score phase of decoding,
 * the only place where a model runs; policies see its results as typed arrays.
 */

import {
  buildRows,
  type KvCache,
  type NewRows,
  type RowGroup,
  RowScratch,
  type Sequence,
} from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import { float32, type Program, type Tensor, tensor } from '../graph/index.ts';
import type { ChatTemplate } from '../text/chat.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { LlamaConfig } from './config.ts';
import type { Precision } from './linear.ts';

/** What a method may ask of a model. */
export const capabilities = [
  'causal',
  'bidirectional',
  'hidden-states',
  'attention-probabilities',
  'embeddings-in',
  'extra-heads',
] as const;
export type Capability = (typeof capabilities)[number];

/** New rows of one sequence to run. */
export interface ScoreGroup {
  sequence: Sequence;
  /** Token ids, [rows]. */
  tokens: ArrayLike<number>;
  /** Draft tree: parent row of each row, see `RowGroup.parents`; a chain without it. */
  parents?: ArrayLike<number>;
  /** Rows of this group whose next-token distribution is wanted, ascending. */
  scored: ArrayLike<number>;
}

/** The model's answer for one group's scored rows, in their order. */
export interface Scores {
  /** Most likely next token, the lowest id on ties. */
  topToken(index: number): number;
  /** Natural log of its probability. */
  topLogProb(index: number): number;
  /** Raw logits [vocab]; only when asked for. A view, valid until the next forward. */
  logits(index: number): Float32Array;
}

export interface Forward {
  /** New K/V rows, for `KvCache.commit`. */
  newRows: NewRows;
  /** First row of each group. */
  offsets: readonly number[];
  scores: readonly Scores[];
  /** Rows run, all groups together. */
  rows: number;
  /** Further outputs the program was built with (`hidden.<n>`, `attention.<n>`, `final`). */
  outputs: Readonly<Record<string, Tensor>>;
}

export interface ModelParts {
  /** Name for people, as it was asked for. */
  id: string;
  config: LlamaConfig;
  program: Program;
  precision: Precision;
  tokenizer: Tokenizer;
  chatTemplate: ChatTemplate | undefined;
  eosIds: readonly number[];
  capabilities: ReadonlySet<Capability>;
  newCache(): KvCache;
}

export class LanguageModel implements AsyncDisposable {
  readonly id: string;
  readonly config: LlamaConfig;
  readonly precision: Precision;
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate | undefined;
  /** Tokens that end an answer. */
  readonly eosIds: readonly number[];
  readonly capabilities: ReadonlySet<Capability>;
  /** An empty K/V cache of this model's shape. */
  readonly newCache: () => KvCache;
  readonly #program: Program;
  readonly #scratch = new RowScratch();
  readonly #fixedOutputs: readonly string[];
  #busy = false;

  constructor(parts: ModelParts) {
    this.id = parts.id;
    this.config = parts.config;
    this.precision = parts.precision;
    this.tokenizer = parts.tokenizer;
    this.chatTemplate = parts.chatTemplate;
    this.eosIds = parts.eosIds;
    this.capabilities = parts.capabilities;
    this.newCache = parts.newCache;
    this.#program = parts.program;
    this.#fixedOutputs = parts.program.outputs.filter((name) => name !== 'logits');
  }

  /**
   * Runs the rows of all groups in one forward. Nothing is cached until the caller commits rows.
   * @param options.logits Copy whole rows of logits out; otherwise only the reduced scores leave the graph.
   * @throws QuickstepError 'bad-input' for a token outside the vocabulary or a row beyond the context,
   * 'disposed' after disposal.
   */
  async forward(
    cache: KvCache,
    groups: readonly ScoreGroup[],
    options: { logits?: boolean; attention?: 'causal' | 'bidirectional' } = {},
  ): Promise<Forward> {
    // The bias buffer and the cache's arrays are read while the program runs: one forward at a time.
    if (this.#busy) throw new Error('two forwards of one model at once');
    this.#busy = true;
    try {
      return await this.#forward(cache, groups, options.logits ?? false, options.attention ?? 'causal');
    } finally {
      this.#busy = false;
    }
  }

  async #forward(
    cache: KvCache,
    groups: readonly ScoreGroup[],
    wantLogits: boolean,
    attention: 'causal' | 'bidirectional',
  ): Promise<Forward> {
    const { config } = this;
    const rowGroups: RowGroup[] = groups.map(({ sequence, tokens, parents }) => ({
      sequence,
      rows: tokens.length,
      parents,
    }));
    const { capacity } = cache;
    const built = buildRows(rowGroups, capacity, { attention, window: config.slidingWindow }, this.#scratch);
    const { rows, offsets, positions, bias } = built;
    const ids = new Int32Array(rows);
    const headRows: number[] = [];
    groups.forEach(({ tokens, scored }, index) => {
      ids.set(tokens, offsets[index]);
      for (let i = 0; i < scored.length; i++) headRows.push(offsets[index] + scored[i]);
    });
    this.#check(ids, positions);
    const scoredRows = headRows.length;
    // The head always gets a row: some providers refuse empty products.
    if (scoredRows === 0) headRows.push(rows - 1);
    const inputs: Record<string, Tensor> = {
      ids: tensor('int32', [rows], ids),
      positions: tensor('int32', [rows], positions),
      bias: float32([rows, capacity + rows], bias),
      headRows: tensor('int32', [headRows.length], Int32Array.from(headRows)),
    };
    const past = [config.kvHeads, capacity, config.headDim];
    for (let layer = 0; layer < config.layers; layer++) {
      inputs[`pastKey.${layer}`] = float32(past, cache.store.key(layer));
      inputs[`pastValue.${layer}`] = float32(past, cache.store.value(layer));
    }
    const outputs = await this.#program.run(inputs, wantLogits ? this.#program.outputs : this.#fixedOutputs);
    const layerRows = (name: string) =>
      Array.from({ length: config.layers }, (_, layer) => outputs[`${name}.${layer}`].data as Float32Array);
    let first = 0;
    const scores = groups.map(({ scored }) => {
      const from = first;
      first += scored.length;
      return this.#scores(outputs, from);
    });
    const newRows = { rows, keys: layerRows('key'), values: layerRows('value') };
    return { newRows, offsets, scores, rows, outputs };
  }

  #check(ids: Int32Array, positions: Int32Array): void {
    const { vocabSize, contextLength } = this.config;
    for (let row = 0; row < ids.length; row++) {
      if (ids[row] < 0 || ids[row] >= vocabSize) {
        const hint = 'Was the text encoded with another tokenizer?';
        throw new QuickstepError(
          'bad-input',
          `Token ${ids[row]} is outside the vocabulary of ${vocabSize}.`,
          hint,
        );
      }
      if (positions[row] >= contextLength) {
        const hint = 'Shorten the prompt or ask for fewer tokens.';
        throw new QuickstepError(
          'bad-input',
          `Position ${positions[row]} is beyond the context of ${contextLength} tokens.`,
          hint,
        );
      }
    }
  }

  #scores(outputs: Readonly<Record<string, Tensor>>, from: number): Scores {
    const topToken = outputs.topToken.data as BigInt64Array;
    const expSum = outputs.expSum.data as Float32Array;
    const logits = outputs.logits?.data as Float32Array | undefined;
    const { vocabSize } = this.config;
    return {
      topToken: (index) => Number(topToken[from + index]),
      topLogProb: (index) => -Math.log(expSum[from + index]),
      logits: (index) => {
        if (!logits) throw new Error('this forward was run without logits');
        return logits.subarray((from + index) * vocabSize, (from + index + 1) * vocabSize);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
