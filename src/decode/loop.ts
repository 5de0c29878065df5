/**
 * The decoding loop: propose, score, choose, remember, until every run has finished. All runs share the cache and,
 * once their prompts are read, each forward; a row's result does not depend on its neighbours, so a batch gives
 * what single runs give.
 */

import type { KvCache } from '../cache/index.ts';
import type { Forward, ScoreGroup } from '../models/language-model.ts';
import { defaultPhases, draftTokens, type Phases, type Proposal } from './phases.ts';
import type { Run } from './run.ts';
import type { Step } from './step.ts';

/** The part of a model the loop needs. */
export interface Scorer {
  forward(cache: KvCache, groups: readonly ScoreGroup[], options?: { logits?: boolean }): Promise<Forward>;
}

/** A run and the phases of its method. */
export interface Decoder {
  run: Run;
  phases: Partial<Phases>;
}

/** Prompt rows of one forward. Longer ones only cost memory for the scores. */
const prefillRows = 512;

/**
 * Decodes until all runs have finished, yielding each run's steps as they happen. Stopping early, an abort or an
 * error frees every run's slots.
 * @throws The signal's reason when it aborts; it is checked before every forward.
 */
export async function* decode(
  model: Scorer,
  cache: KvCache,
  decoders: readonly Decoder[],
  signal?: AbortSignal,
): AsyncGenerator<Step, void, void> {
  const workers = decoders.map(({ run, phases }) => new Worker(run, { ...defaultPhases, ...phases }));
  try {
    for (const worker of workers) if (worker.run.finish) yield worker.endAtOnce();
    for (let active = workers; ; ) {
      active = active.filter(({ run }) => !run.finish);
      if (active.length === 0) return;
      signal?.throwIfAborted();
      // A prompt is read alone: its many rows would attend to every other run's slots in vain.
      const filling = active.find(({ run }) => run.pending().length > 1);
      yield* filling ? fill(model, cache, filling) : score(model, cache, active);
    }
  } finally {
    for (const { run } of decoders) run.dispose();
    cache.compactIfSparse();
  }
}

/** Reads a prompt: whole chunks that need no scores, then the step that answers it. */
async function* fill(model: Scorer, cache: KvCache, worker: Worker): AsyncGenerator<Step, void, void> {
  const { run } = worker;
  const pending = run.pending();
  if (pending.length <= prefillRows) {
    yield* score(model, cache, [worker]);
    return;
  }
  cache.reserve(pending.length);
  const started = performance.now();
  const tokens = pending.slice(0, prefillRows);
  const forward = await model.forward(cache, [{ sequence: run.sequence, tokens, scored: [] }]);
  cache.commit(run.sequence, forward.newRows, [...tokens.keys()]);
  worker.count(tokens.length, tokens.length);
  run.statistics.seconds.score += (performance.now() - started) / 1000;
  yield worker.step('prefill', tokens.length, [], started);
}

/** One step of every given run, in one forward. */
async function* score(
  model: Scorer,
  cache: KvCache,
  workers: readonly Worker[],
): AsyncGenerator<Step, void, void> {
  const started = performance.now();
  const proposals = workers.map((worker) => worker.propose());
  const groups = proposals.flatMap((proposal) => proposal.groups);
  const logits = workers.some((worker) => worker.needsLogits);
  const scoring = performance.now();
  const forward = await model.forward(cache, groups, { logits });
  const scoreSeconds = (performance.now() - scoring) / 1000;
  const steps: Step[] = [];
  let group = 0;
  for (const [i, worker] of workers.entries()) {
    const proposal = proposals[i];
    const end = group + proposal.groups.length;
    worker.run.statistics.seconds.score += scoreSeconds;
    steps.push(worker.advance(proposal, forward, group, end, started));
    group = end;
  }
  yield* steps;
}

/** One run with complete phases; times them and writes its step records. */
class Worker {
  readonly run: Run;
  readonly #phases: Phases;
  #steps = 0;

  constructor(run: Run, phases: Phases) {
    this.run = run;
    this.#phases = phases;
  }

  get needsLogits(): boolean {
    return this.#phases.needsLogits === true || !this.run.sampler.argmaxOnly;
  }

  #timed<T>(phase: 'propose' | 'choose' | 'remember', work: () => T): T {
    const started = performance.now();
    const result = work();
    this.run.statistics.seconds[phase] += (performance.now() - started) / 1000;
    return result;
  }

  propose(): Proposal {
    return this.#timed('propose', () => this.#phases.propose(this.run));
  }

  /** Chooses from and remembers groups [first, end) of a forward. */
  advance(proposal: Proposal, forward: Forward, first: number, end: number, started: number): Step {
    const { run } = this;
    const scores = forward.scores.slice(first, end);
    const choice = this.#timed('choose', () => this.#phases.choose(run, proposal, scores));
    const before = run.sequence.length;
    this.#timed('remember', () =>
      this.#phases.remember(run, proposal, choice, forward, forward.offsets.slice(first, end)),
    );
    const rows = proposal.groups.reduce((sum, group) => sum + group.tokens.length, 0);
    this.count(rows, Math.max(0, run.sequence.length - before));
    run.statistics.drafted += proposal.draft.tokens.length;
    run.statistics.accepted += choice.accepted.length;
    return this.step('decode', rows, draftTokens(proposal.draft, choice.accepted), started);
  }

  count(rows: number, written: number): void {
    const { statistics, sequence } = this.run;
    statistics.forwards++;
    statistics.rows += rows;
    statistics.kvRead += sequence.length - written;
    statistics.kvWritten += written;
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
      text,
      slots: run.cache.slots.used,
      seconds: (performance.now() - started) / 1000,
      finish: run.finish,
    };
  }

  /** The only step of a run that had nothing to do. */
  endAtOnce(): Step {
    return this.step('decode', 0, [], performance.now());
  }
}
