/**
 * The decoding loop: propose, score, choose, remember, until every run has finished. Once their prompts are read,
 * all runs share each forward, a lane each; a row's result does not depend on its neighbours, so a batch gives what
 * single runs give. Runs join and leave between forwards (`RunningSet`); which of them read and which decode in one is
 * told in turns.ts.
 */

import type { KvCache, PrefixStore } from '../cache/index.ts';
import { type Forward, type ForwardOptions, type ScoreLane, shareOut } from '../models/forward.ts';
import { defaultPhases, emptyDraft, type Phases, type Proposal } from './phases.ts';
import { PrefixReuse } from './prefix-reuse.ts';
import type { Run } from './run.ts';
import type { Step } from './step.ts';
import { AlternatingTurns, type Turn, turnsOf } from './turns.ts';
import { Worker } from './worker.ts';

/** The part of a model the loop needs. */
export interface Scorer {
  forwardLanes(lanes: readonly ScoreLane[], options?: ForwardOptions): Promise<Forward[]>;
}

/** A run, whose cache is a lane of the batch, and the phases of its method. */
export interface Decoder {
  run: Run;
  phases: Partial<Phases>;
}

/** Where the runs' caches come from; a `KvBatch`, or what stands for one lane that all runs share. */
export interface Lanes {
  /** Slots in use, all runs together. */
  readonly used: number;
  /** Called once a run that has this cache has left. */
  close(cache: KvCache): void;
}

/** Told of a run whose own phases threw, such as a constraint that became too ambiguous; the run is removed after it. */
export type FailureHandler = (run: Run, error: unknown) => void;

export interface RunningSetOptions {
  /** Most rows of a forward in which prompts are read, see `turnsOf`. Default 512: more only cost memory for the scores. */
  budget?: number;
  /**
   * Runs with lanes of their own decode in some forwards between two that read prompts, so that none waits for many prompts,
   * and prompts that come one after the other are read together.
   */
  takeTurns?: boolean;
  /** Where runs leave what they have cached, for others whose prompts begin alike. Without it, each reads its own. */
  prefixes?: PrefixStore;
  /** Without it, the failure of one run ends the step for all. */
  onFailure?: FailureHandler;
}

const defaultBudget = 512;

/**
 * Decodes until all runs have finished, yielding each run's steps as they happen. Stopping early, an abort or an
 * error closes every run's lane.
 * @throws The signal's reason when it aborts; it is checked before every forward.
 */
export async function* decode(
  model: Scorer,
  batch: Lanes,
  decoders: readonly Decoder[],
  signal?: AbortSignal,
): AsyncGenerator<Step, void, void> {
  const running = new RunningSet(model, batch);
  try {
    for (const { phases } of decoders) await phases.prepare?.();
    for (const decoder of decoders) yield* running.add(decoder);
    while (running.size > 0) {
      signal?.throwIfAborted();
      yield* running.step(signal);
    }
  } finally {
    for (const { run } of decoders) close(batch, run);
    for (const { phases } of decoders) await phases.conclude?.();
  }
}

function close(lanes: Lanes, run: Run): void {
  run.dispose();
  lanes.close(run.cache);
}

/**
 * The runs that are being decoded. Whoever drives it adds runs between forwards, whose `prepare` it has awaited, asks
 * for one step after the other, and awaits the `conclude` of runs that have left; finished runs leave by themselves.
 */
export class RunningSet {
  readonly #model: Scorer;
  readonly #lanes: Lanes;
  /** In the order in which they were added. */
  #workers: Worker[] = [];
  readonly #options: RunningSetOptions;
  readonly #reuse: PrefixReuse | undefined;
  readonly #alternating: AlternatingTurns<Worker> | undefined;

  constructor(model: Scorer, lanes: Lanes, options: RunningSetOptions = {}) {
    this.#model = model;
    this.#lanes = lanes;
    this.#options = options;
    this.#reuse = options.prefixes && new PrefixReuse(options.prefixes);
    if (options.takeTurns) this.#alternating = new AlternatingTurns();
  }

  get size(): number {
    return this.#workers.length;
  }

  /** In the order in which they were added. */
  get runs(): readonly Run[] {
    return this.#workers.map(({ run }) => run);
  }

  /** Lets a run take part from the next forward on. A run that has nothing to do leaves at once, with its only step. */
  add({ run, phases }: Decoder): Step[] {
    const worker = new Worker(run, { ...defaultPhases, ...phases }, this.#lanes);
    if (!run.finish) {
      if (worker.cachesTokens && !worker.readsStates) this.#reuse?.begin(run, this.#sharing());
      this.#workers.push(worker);
      return [];
    }
    const step = worker.endAtOnce();
    close(this.#lanes, run);
    return [step];
  }

  /** Runs whose K/V others can begin with. */
  #sharing(): Run[] {
    return this.#workers.filter(({ cachesTokens }) => cachesTokens).map(({ run }) => run);
  }

  /** A run is just reading what a prompt begins with; once that is done, another that is added need not read it. */
  isReading(prompt: readonly number[]): boolean {
    return this.#reuse?.isReading(prompt, this.#sharing()) ?? false;
  }

  /** Ends a run before it has finished, and frees what it has cached. */
  remove(run: Run): void {
    const worker = this.#workers.find((one) => one.run === run);
    this.#workers = this.#workers.filter((one) => one !== worker);
    if (worker) this.#leave(worker);
  }

  #leave({ run, cachesTokens }: Worker): void {
    if (cachesTokens) this.#reuse?.keep(run);
    close(this.#lanes, run);
  }

  #fail({ run }: Worker, error: unknown): void {
    const { onFailure } = this.#options;
    if (!onFailure) throw error;
    onFailure(run, error);
    this.remove(run);
  }

  /** How many rows the next forward has, at least: the prompt tokens to be read and a row for each decoding run. */
  get waitingRows(): number {
    return this.#workers.reduce((sum, worker) => sum + Math.max(1, worker.unread().length), 0);
  }

  #nextTurns(): Turn<Worker>[] {
    const { budget = defaultBudget } = this.#options;
    return this.#alternating?.next(this.#workers, budget) ?? turnsOf(this.#workers, budget);
  }

  /**
   * One forward, or two when some runs keep none of their rows, and the steps it makes. A run that has finished has
   * left by then, so that no forward carries it on. An error leaves all runs as they were before the forward.
   * @throws The signal's reason when it aborts.
   */
  async *step(signal?: AbortSignal): AsyncGenerator<Step, void, void> {
    try {
      yield* score(this.#model, this.#nextTurns(), (worker, error) => this.#fail(worker, error), signal);
    } finally {
      const finished = this.#workers.filter(({ run }) => run.finish);
      this.#workers = this.#workers.filter(({ run }) => !run.finish);
      // From the last lane on: a lane that is closed is filled with the last one.
      for (const worker of finished.toReversed()) this.#leave(worker);
    }
  }
}

/**
 * One step of every given run. Those that keep rows share one forward, the others another: a canvas that is run whole to
 * be kept has many rows, and lanes are padded to the longest.
 */
async function* score(
  model: Scorer,
  turns: readonly Turn<Worker>[],
  fail: Fail,
  signal?: AbortSignal,
): AsyncGenerator<Step, void, void> {
  const started = performance.now();
  const proposals = await Promise.allSettled(turns.map(proposalOf));
  const proposed = turns.flatMap(({ worker, rows }, i) => {
    const outcome = proposals[i];
    if (outcome.status === 'fulfilled') return [{ worker, rows, proposal: outcome.value }];
    fail(worker, outcome.reason);
    return [];
  });
  const settled = proposed.filter(({ proposal }) => proposal.groups.length === 0);
  const scored = proposed.filter(({ proposal }) => proposal.groups.length > 0);
  yield* settled.flatMap(({ worker, proposal }) =>
    unlessFailed(worker, fail, () => worker.settle(proposal, started)),
  );
  const keepers = scored.filter(({ proposal }) => proposal.keeps !== false);
  const others = scored.filter(({ proposal }) => proposal.keeps === false);
  for (const part of [keepers, others]) {
    if (part.length === 0) continue;
    signal?.throwIfAborted();
    yield* forward(model, part, started, fail);
  }
}

async function proposalOf({ worker, unread, rows }: Turn<Worker>): Promise<Proposal> {
  if (!unread) return worker.propose();
  const { run } = worker;
  run.cache.reserve(unread.length);
  return {
    groups: [{ sequence: run.sequence, tokens: unread.slice(0, rows), scored: [] }],
    draft: emptyDraft,
  };
}

type Fail = (worker: Worker, error: unknown) => void;

/** A worker's step, or none if its own phases threw. */
function unlessFailed(worker: Worker, fail: Fail, step: () => Step): Step[] {
  try {
    return [step()];
  } catch (error) {
    fail(worker, error);
    return [];
  }
}

/** A step of runs that share a forward. */
async function* forward(
  model: Scorer,
  proposed: readonly { worker: Worker; proposal: Proposal; rows?: number }[],
  started: number,
  fail: Fail,
): AsyncGenerator<Step, void, void> {
  const sharers = new Map<KvCache, (typeof proposed)[number][]>();
  for (const each of proposed) {
    const { cache } = each.worker.run;
    const owners = sharers.get(cache);
    if (owners) owners.push(each);
    else sharers.set(cache, [each]);
  }
  const lanes = Array.from(sharers, ([cache, owners]) => ({
    cache,
    groups: owners.flatMap(({ proposal }) => proposal.groups),
  }));
  const logits = proposed.some(({ worker }) => worker.needsLogits);
  const scoring = performance.now();
  const newRows = proposed.some(({ proposal }) => proposal.keeps !== false);
  const states = proposed.some(({ worker }) => worker.readsStates);
  const forwards = await model.forwardLanes(lanes, { logits, newRows, states });
  const scoreSeconds = (performance.now() - scoring) / 1000;
  const shares = new Map<Worker, Forward>();
  for (const [i, owners] of [...sharers.values()].entries()) {
    const parts = shareOut(
      forwards[i],
      owners.map(({ proposal }) => proposal.groups),
    );
    for (const [j, { worker }] of owners.entries()) shares.set(worker, parts[j]);
  }
  yield* proposed.flatMap(({ worker, proposal, rows }) => {
    worker.run.statistics.seconds.score += scoreSeconds;
    const share = shares.get(worker)!;
    return unlessFailed(worker, fail, () =>
      rows === undefined
        ? worker.advance(proposal, share, started)
        : worker.keepRead(proposal, share, started),
    );
  });
}
