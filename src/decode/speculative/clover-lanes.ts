/**
 * Clover heads beside a model: a lane of the augmenting block's cache for each run, and calls that runs which draft at the
 * same time share. The cache holds committed tokens only.
 */

import { KvBatch, type KvCache, type Sequence } from '../../cache/index.ts';
import {
  type CloverHeads,
  type CloverRows,
  type Guess,
  loadClover,
} from '../../models/draft-heads/clover-heads.ts';
import { Gatherer } from '../../models/gather.ts';
import type { LanguageModel } from '../../models/language-model.ts';

type Followed = Parameters<CloverHeads['follow']>[0];

export class CloverLanes implements AsyncDisposable {
  readonly heads: CloverHeads;
  readonly #batch: KvBatch;
  readonly #reads: Gatherer<CloverRows, Guess[]>;
  readonly #follows: Gatherer<Followed, Guess[]>;

  constructor(heads: CloverHeads) {
    this.heads = heads;
    this.#batch = new KvBatch(heads.config);
    this.#reads = new Gatherer((lanes) => heads.read(lanes));
    this.#follows = new Gatherer(async (levels) => {
      const guesses = await heads.follow(levels.flat());
      return levels.map(({ length }) => guesses.splice(0, length));
    });
  }

  /** K/V slots of the augmenting block in use, all runs together. */
  get used(): number {
    return this.#batch.used;
  }

  open(): Promise<CloverLane> {
    return this.#reads.between(() => new CloverLane(this, this.#batch.open()));
  }

  close(cache: KvCache): Promise<void> {
    return this.#reads.between(() => this.#batch.close(cache));
  }

  /** @throws As `CloverHeads.read`. */
  read(rows: CloverRows): Promise<Guess[]> {
    return this.#reads.ask(rows);
  }

  follow(level: Followed): Promise<Guess[]> {
    return this.#follows.ask(level);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.heads[Symbol.asyncDispose]();
  }
}

/** One run's lane. */
export class CloverLane {
  readonly #lanes: CloverLanes;
  readonly #cache: KvCache;
  readonly #sequence: Sequence;
  /** States that are not read yet [rows, hidden], and the place in the text behind the last of them. */
  #states = new Float32Array();
  #end = 0;

  constructor(lanes: CloverLanes, cache: KvCache) {
    this.#lanes = lanes;
    this.#cache = cache;
    this.#sequence = cache.slots.createSequence();
  }

  /** Levels that there are heads for. */
  get levels(): number {
    return this.#lanes.heads.facts.heads;
  }

  /** Keeps the states of tokens that end before place `end` of the text; those that the block would not see are dropped. */
  take(states: Float32Array, end: number): void {
    const { hiddenSize, layer } = this.#lanes.heads.facts;
    const most = layer.window * hiddenSize;
    const all = new Float32Array(this.#states.length + states.length);
    all.set(this.#states);
    all.set(states, this.#states.length);
    this.#states = all.subarray(-most);
    this.#end = end;
    // All that is cached lies behind the window then.
    if (all.length > most) this.#cache.slots.crop(this.#sequence, 0);
  }

  /** What the first head guesses behind a text of which all but the last token was taken. */
  async guess(text: readonly number[]): Promise<Guess> {
    const rows = this.#states.length / this.#lanes.heads.facts.hiddenSize;
    const following = text.slice(this.#end - rows + 1, this.#end + 1);
    const states = this.#states;
    this.#states = new Float32Array();
    const [guess] = await this.#lanes.read({
      cache: this.#cache,
      sequence: this.#sequence,
      states,
      following,
      asked: [rows - 1],
    });
    return guess;
  }

  /** What the next head guesses behind each of some tokens. */
  follow(level: Followed): Promise<Guess[]> {
    return this.#lanes.follow(level);
  }

  close(): Promise<void> {
    return this.#lanes.close(this.#cache);
  }
}

/**
 * The lanes of a model's heads, by their folder or name; opened once for each model.
 * @throws QuickstepError as `loadClover`.
 */
export const openClover = (model: LanguageModel, id: string): Promise<CloverLanes> =>
  model.companion(`clover ${id}`, async () => new CloverLanes(await loadClover(model, id)));
