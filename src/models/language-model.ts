/**
 * A loaded language model: a program, its tokenizer and what it can do. `forward` is the score phase of decoding,
 * the only place where a model runs; policies see its results as typed arrays.
 */

import { KvBatch, KvCache, RowScratch } from '../cache/index.ts';
import type { Program } from '../graph/index.ts';
import type { ChatTemplate } from '../text/chat.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { FindFolder } from '../weights/folder.ts';
import type { LlamaConfig } from './config.ts';
import {
  type Forward,
  type ForwardOptions,
  layOut,
  type ScoreGroup,
  type ScoreLane,
  takeApart,
} from './forward.ts';
import type { Precision } from './linear.ts';

/** What a method may ask of a model. */
export const capabilities = [
  'causal',
  'bidirectional',
  'canvas',
  'mask-token',
  'hidden-states',
  'attention-probabilities',
  'embeddings-in',
  'extra-heads',
] as const;
export type Capability = (typeof capabilities)[number];

/**
 * What the architecture alone gives. A row may be a mixture of embeddings. Which rows see which is the caller's bias, so a
 * causal model runs bidirectional rows too; one that was trained to see what follows makes no sense left to right.
 */
export function attentionCapabilities({ causal, corruption }: LlamaConfig): Capability[] {
  return [
    ...(causal ? (['causal'] as const) : []),
    'hidden-states',
    'bidirectional',
    'embeddings-in',
    ...(corruption ? (['canvas'] as const) : []),
    ...(corruption === 'mask' ? (['mask-token'] as const) : []),
  ];
}

export interface ModelParts {
  /** Name for people, as it was asked for. */
  id: string;
  /** Where its checkpoint lies, for what else is read from it. */
  path?: string;
  config: LlamaConfig;
  program: Program;
  precision: Precision;
  tokenizer: Tokenizer;
  chatTemplate: ChatTemplate | undefined;
  eosIds: readonly number[];
  capabilities: ReadonlySet<Capability>;
  /** Finds what methods need beside the model where the model came from. */
  findFolder?: FindFolder;
}

export class LanguageModel implements AsyncDisposable {
  readonly id: string;
  readonly path: string | undefined;
  readonly config: LlamaConfig;
  readonly precision: Precision;
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate | undefined;
  /** Tokens that end an answer. */
  readonly eosIds: readonly number[];
  readonly capabilities: ReadonlySet<Capability>;
  readonly findFolder: FindFolder | undefined;
  readonly #program: Program;
  readonly #scratch = new RowScratch();
  #turn: Promise<unknown> = Promise.resolve();
  readonly #companions = new Map<string, Promise<AsyncDisposable>>();

  constructor(parts: ModelParts) {
    this.id = parts.id;
    this.path = parts.path;
    this.config = parts.config;
    this.precision = parts.precision;
    this.tokenizer = parts.tokenizer;
    this.chatTemplate = parts.chatTemplate;
    this.eosIds = parts.eosIds;
    this.capabilities = parts.capabilities;
    this.findFolder = parts.findFolder;
    this.#program = parts.program;
  }

  /** Whether a forward over many rows costs little more than one over one row, see `Program`. */
  get cheapRows(): boolean {
    return this.precision === 'w8a8' && this.#program.fastIntegers;
  }

  /** An empty K/V cache for this model. */
  newCache(): KvCache {
    return new KvCache(this.config);
  }

  /** Caches for sequences that are decoded side by side. */
  newBatch(): KvBatch {
    return new KvBatch(this.config);
  }

  /**
   * Runs the rows of all groups of one cache. Nothing is cached until the caller commits rows.
   * @throws QuickstepError 'bad-input' for a token outside the vocabulary or a row beyond the context,
   * 'disposed' after disposal.
   */
  async forward(
    cache: KvCache,
    groups: readonly ScoreGroup[],
    options: ForwardOptions = {},
  ): Promise<Forward> {
    const [forward] = await this.forwardLanes([{ cache, groups }], options);
    return forward;
  }

  /**
   * Runs the rows of several caches of one batch in one forward; results in the order of `lanes`. Lanes are padded
   * to the longest, so they should have about equally many rows.
   * @throws As `forward`.
   */
  forwardLanes(lanes: readonly ScoreLane[], options: ForwardOptions = {}): Promise<Forward[]> {
    // The bias buffer and the caches' arrays are read while the program runs: forwards take turns.
    const forward = this.#turn.then(() => this.#forwardLanes(lanes, options));
    const over = () => {};
    this.#turn = forward.then(over, over);
    return forward;
  }

  async #forwardLanes(lanes: readonly ScoreLane[], options: ForwardOptions): Promise<Forward[]> {
    const { logits = false, newRows = true, states = false } = options;
    const batch = layOut(lanes, this.config, options, this.#scratch, this.#program.takesEmpty ? 0 : 1);
    // Every output is copied by the runtime: none is asked for in vain.
    const wanted = this.#program.outputs.filter(
      (name) =>
        (logits || name !== 'logits') &&
        (states || name !== 'states') &&
        (newRows || !/^(key|value)\./.test(name)),
    );
    const outputs = await this.#program.run(batch.inputs, wanted);
    return takeApart(lanes, batch, outputs, this.config, newRows);
  }

  /**
   * What goes with the model, such as draft heads: opened when first asked for, disposed with the model.
   * @param key Says what it is; the same key is opened once.
   */
  companion<T extends AsyncDisposable>(key: string, open: () => Promise<T>): Promise<T> {
    const known = this.#companions.get(key) as Promise<T> | undefined;
    if (known) return known;
    const opening = open();
    this.#companions.set(key, opening);
    // One that failed may be there the next time.
    opening.catch(() => this.#companions.delete(key));
    return opening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opening of this.#companions.values()) {
      const companion = await opening.catch(() => undefined);
      await companion?.[Symbol.asyncDispose]();
    }
    await this.#program[Symbol.asyncDispose]();
  }
}
