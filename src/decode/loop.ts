/**
 * The decoding loop: propose, score, choose, remember, until every run has finished. Once their prompts are read,
 * all runs share each forward, a lane each; a row's result does not depend on its neighbours, so a batch gives what
 * single runs give.
 */

import type { KvBatch } from '../cache/index.ts';
import type { Forward, ForwardOptions, ScoreGroup, ScoreLane } from '../models/forward.ts';
import { defaultPhases, draftTokens, type Phases, type Proposal } from './phases.ts';
import type { Run } from './run.ts';
import type { Step } from './step.ts';

/** The part of a model the loop needs. */
export interface Scorer {
  forwardLanes(lanes: readonly ScoreLane[], options?: ForwardOptions): Promise<Forward[]>;
}

/** A run, whose cache is a lane of the batch, and the phases of its method. */
export interface Decoder {
  run: Run;
  phases: Partial<Phases>;
}

/** Prompt rows of one forward. Longer ones only cost memory for the scores. */
const prefillRows = 512;

/**
 * Decodes until all runs have finished, yielding each run's steps as they happen. Stopping early, an abort or an
 * error closes every run's lane.
 * @throws The signal's reason when it aborts; it is checked before every forward.
 */
export async function* decode(
  model: Scorer,
  batch: KvBatch,
  decoders: readonly Decoder[],
  signal?: AbortSignal,
): AsyncGenerator<Step, void, void> {
  const workers = decoders.map(({ run, phases }) => new Worker(run, { ...defaultPhases, ...phases }, batch));
  try {
    for (const { phases } of decoders) await phases.prepare?.();
    for (const worker of workers) if (worker.run.finish) yield worker.endAtOnce();
    for (let active = workers; ; ) {
      // A finished run leaves the batch at once, so that no forward carries it on.
      for (const { run } of active) if (run.finish) close(batch, run);
      active = active.filter(({ run }) => !run.finish);
      if (active.length === 0) return;
      signal?.throwIfAborted();
      // A prompt is read alone: the other lanes would be padded to its many rows.
      const filling = active.find((worker) => worker.unread().length > 0);
      yield* filling ? fill(model, filling) : score(model, active, signal);
    }
  } finally {
    for (const { run } of decoders) close(batch, run);
  }
}

function close(batch: KvBatch, run: Run): void {
  run.dispose();
  batch.close(run.cache);
}

/** Reads a prompt: chunks that need no scores, and where the rest of it is to be scored, the step that answers it. */
async function* fill(model: Scorer, worker: Worker): AsyncGenerator<Step, void, void> {
  const { run } = worker;
  const unread = worker.unread();
  if (unread.length <= prefillRows && !worker.hasContext) {
    yield* score(model, [worker]);
    return;
  }
  run.cache.reserve(unread.length);
  const started = performance.now();
  const tokens = unread.slice(0, prefillRows);
  const group = { sequence: run.sequence, tokens, scored: [] };
  const options = { states: worker.readsStates };
  const [forward] = await model.forwardLanes([{ cache: run.cache, groups: [group] }], options);
  worker.count([group]);
  run.keep(run.sequence, forward.newRows, [...tokens.keys()]);
  worker.read(forward);
  run.statistics.seconds.score += (performance.now() - started) / 1000;
  yield worker.step('prefill', tokens.length, [], started);
}

/**
 * One step of every given run. Those that keep rows share one forward, the others another: a canvas that is run whole to
 * be kept has many rows, and lanes are padded to the longest.
 */
async function* score(
  model: Scorer,
  workers: readonly Worker[],
  signal?: AbortSignal,
): AsyncGenerator<Step, void, void> {
  const started = performance.now();
  const proposals = await allOf(workers.map((worker) => worker.propose()));
  const proposed = workers.map((worker, i) => ({ worker, proposal: proposals[i] }));
  const keepers = proposed.filter(({ proposal }) => proposal.keeps !== false);
  const others = proposed.filter(({ proposal }) => proposal.keeps === false);
  for (const part of [keepers, others]) {
    if (part.length === 0) continue;
    signal?.throwIfAborted();
    yield* forward(model, part, started);
  }
}

/** All results; when some fail, the first failure once nothing is under way any more. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** A step of runs that share a forward. */
async function* forward(
  model: Scorer,
  proposed: readonly { worker: Worker; proposal: Proposal }[],
  started: number,
): AsyncGenerator<Step, void, void> {
  const workers = proposed.map(({ worker }) => worker);
  const proposals = proposed.map(({ proposal }) => proposal);
  const lanes = workers.map(({ run }, i) => ({ cache: run.cache, groups: proposals[i].groups }));
  const logits = workers.some((worker) => worker.needsLogits);
  const scoring = performance.now();
  const newRows = proposals.some(({ keeps }) => keeps !== false);
  const states = workers.some((worker) => worker.readsStates);
  const forwards = await model.forwardLanes(lanes, { logits, newRows, states });
  const scoreSeconds = (performance.now() - scoring) / 1000;
  yield* workers.map((worker, i) => {
    worker.run.statistics.seconds.score += scoreSeconds;
    return worker.advance(proposals[i], forwards[i], started);
  });
}

/** One run with complete phases; times them and writes its step records. */
class Worker {
  readonly run: Run;
  readonly #phases: Phases;
  readonly #batch: KvBatch;
  #steps = 0;

  constructor(run: Run, phases: Phases, batch: KvBatch) {
    this.run = run;
    this.#phases = phases;
    this.#batch = batch;
  }

  get needsLogits(): boolean {
    return this.#phases.needsLogits === true || !this.run.sampler.argmaxOnly;
  }

  get readsStates(): boolean {
    return this.#phases.read !== undefined;
  }

  /** Shows the method a forward whose rows were all cached. */
  read({ states }: Forward): void {
    if (states) this.#phases.read?.(this.run, states);
  }

  get hasContext(): boolean {
    return this.#phases.context !== undefined;
  }

  /** Tokens that are to be read into the cache now: of the method's context, or else of a prompt that it does not read. */
  unread(): readonly number[] {
    const { run } = this;
    const { context, readsPrompt } = this.#phases;
    if (context) return context(run).slice(run.sequence.nextPosition);
    const pending = readsPrompt ? [] : run.pending();
    return pending.length > 1 ? pending : [];
  }

  #timed<T>(phase: 'choose' | 'remember', work: () => T): T {
    const started = performance.now();
    const result = work();
    this.run.statistics.seconds[phase] += (performance.now() - started) / 1000;
    return result;
  }

  async propose(): Promise<Proposal> {
    const started = performance.now();
    const proposal = await this.#phases.propose(this.run);
    this.run.statistics.seconds.propose += (performance.now() - started) / 1000;
    return proposal;
  }

  /** Chooses from and remembers a forward's rows. */
  advance(proposal: Proposal, forward: Forward, started: number): Step {
    const { run } = this;
    this.count(proposal.groups);
    const choice = this.#timed('choose', () => this.#phases.choose(run, proposal, forward.scores));
    this.#timed('remember', () => this.#phases.remember(run, proposal, choice, forward));
    run.statistics.drafted += proposal.draft.tokens.length;
    run.statistics.accepted += choice.accepted.length;
    return this.step('decode', forward.rows, draftTokens(proposal.draft, choice.accepted), started);
  }

  /** Counts a forward of these groups, whose sequences are as they were in it. */
  count(groups: readonly ScoreGroup[]): void {
    const { statistics } = this.run;
    statistics.forwards++;
    for (const { sequence, tokens } of groups) {
      statistics.rows += tokens.length;
      statistics.kvRead += sequence.length;
    }
  }

  step(kind: Step['kind'], rows: number, proposed: Step['proposed'], started: number): Step {
    const { run } = this;
    const { committed, text } = run.takeNew();
    return {
      request: run.request,
      step: ++this.#steps,
      kind,
      forwards: rows > 0 ? 1 : 0,
      rows,
      proposed,
      committed,
      ...(run.canvas && { canvas: Array.from(run.canvas) }),
      text,
      slots: this.#batch.used,
      seconds: (performance.now() - started) / 1000,
      finish: run.finish,
    };
  }

  /** The only step of a run that had nothing to do. */
  endAtOnce(): Step {
    return this.step('decode', 0, [], performance.now());
  }
}
