/**
 * A draft model, or a router, beside the model that answers: a lane of its own cache for each run, and forwards that runs
 * which ask for them at the same time share.
 */

import type { KvBatch, KvCache } from '../../cache/index.ts';
import type { Forward, ScoreGroup, Scores } from '../../models/forward.ts';
import { Gatherer } from '../../models/gather.ts';
import type { Scorer } from '../loop.ts';
import { argmax } from '../sampling/select.ts';
import { logSoftmaxAt } from '../sampling/softmax.ts';

/** The part of a model that drafting needs. */
export interface DraftScorer extends Scorer {
  newBatch(): KvBatch;
  readonly config: { readonly contextLength: number; readonly vocabSize: number };
}

interface Request {
  lane: DraftLane;
  groups: readonly ScoreGroup[];
  logits: boolean;
}

/** The model that answers, as far as drafts for it go. */
export interface DraftTarget {
  /** Columns of its logits; models of one tokenizer may differ in padding. */
  vocabSize: number;
  /** Cost of a forward of the draft model in forwards of this one. */
  cost: number;
}

/** The lanes of a batch of runs. */
export class DraftLanes {
  /** Cost of a forward in forwards of the model that answers. */
  readonly cost: number;
  readonly #model: DraftScorer;
  readonly #vocabSize: number;
  readonly #batch: KvBatch;
  readonly #requests = new Gatherer((requests: readonly Request[]) => this.#run(requests));

  constructor(model: DraftScorer, { vocabSize, cost }: DraftTarget) {
    this.#model = model;
    this.#vocabSize = vocabSize;
    this.cost = cost;
    this.#batch = model.newBatch();
  }

  get contextLength(): number {
    return this.#model.config.contextLength;
  }

  /** K/V slots in use in all lanes. */
  get used(): number {
    return this.#batch.used;
  }

  open(): DraftLane {
    return new DraftLane(this, this.#batch.open());
  }

  /** Frees a lane; not while a forward of it is under way. */
  close(cache: KvCache): void {
    this.#batch.close(cache);
  }

  /** Runs rows of a lane, together with those that other lanes ask for in the same turn. */
  forward(lane: DraftLane, groups: readonly ScoreGroup[], logits: boolean): Promise<Forward> {
    return this.#requests.ask({ lane, groups, logits });
  }

  async #run(requests: readonly Request[]): Promise<Forward[]> {
    const fits = this.#model.config.vocabSize === this.#vocabSize;
    const logits = !fits || requests.some((request) => request.logits);
    const lanes = requests.map(({ lane, groups }) => ({ cache: lane.cache, groups }));
    const forwards = await this.#model.forwardLanes(lanes, { logits });
    if (fits) return forwards;
    const fit = (scores: Scores) => fitted(scores, this.#vocabSize);
    return forwards.map((forward) => ({ ...forward, scores: forward.scores.map(fit) }));
  }
}

/** Scores over a vocabulary of another width: columns that are missing have no probability. */
function fitted(scores: Scores, vocabSize: number): Scores {
  const logits = (index: number) => {
    const row = scores.logits(index);
    if (row.length >= vocabSize) return row.subarray(0, vocabSize);
    const padded = new Float32Array(vocabSize).fill(Number.NEGATIVE_INFINITY);
    padded.set(row);
    return padded;
  };
  return {
    logits,
    topToken: (index) => argmax(logits(index)),
    topLogProb: (index) => logSoftmaxAt(logits(index), argmax(logits(index))),
  };
}

/** One run's lane. */
export class DraftLane {
  readonly cache: KvCache;
  readonly #lanes: DraftLanes;

  constructor(lanes: DraftLanes, cache: KvCache) {
    this.#lanes = lanes;
    this.cache = cache;
  }

  get contextLength(): number {
    return this.#lanes.contextLength;
  }

  get cost(): number {
    return this.#lanes.cost;
  }

  /** @throws As the model's `forwardLanes`. */
  forward(groups: readonly ScoreGroup[], logits: boolean): Promise<Forward> {
    return this.#lanes.forward(this, groups, logits);
  }

  close(): void {
    this.#lanes.close(this.cache);
  }
}
