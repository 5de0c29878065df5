/** A run in the loop, with complete phases: it times them and writes its step records. */

import type { Forward, ScoreGroup, Scores } from '../models/forward.ts';
import { type Choice, draftTokens, type Phases, type Proposal } from './phases.ts';
import type { Run } from './run.ts';
import type { Step } from './step.ts';

export class Worker {
  readonly run: Run;
  readonly #phases: Phases;
  /** Tells the slots in use, all runs together. */
  readonly #lanes: { readonly used: number };
  #steps = 0;

  constructor(run: Run, phases: Phases, lanes: { readonly used: number }) {
    this.run = run;
    this.#phases = phases;
    this.#lanes = lanes;
  }

  get needsLogits(): boolean {
    return this.#phases.needsLogits === true || !this.run.sampler.argmaxOnly;
  }

  get readsStates(): boolean {
    return this.#phases.read !== undefined;
  }

  /** The run's sequence holds the K/V of its tokens, as each follows from those before it. */
  get cachesTokens(): boolean {
    const { context, readsPrompt } = this.#phases;
    return !context && !readsPrompt && !this.run.masking;
  }

  /** Shows the method a forward whose rows were all cached. */
  read({ states }: Forward): void {
    if (states) this.#phases.read?.(this.run, states);
  }

  /** What it has to read is no part of its own proposals. */
  get readsAhead(): boolean {
    return this.#phases.context !== undefined;
  }

  /** Tokens that are to be read into the cache now: of the method's context, or else of a prompt that it does not read. */
  unread(): readonly number[] {
    const { run } = this;
    const { context, readsPrompt } = this.#phases;
    if (context) return context(run).slice(run.sequence.nextPosition);
    const pending = readsPrompt ? [] : run.pending();
    if (this.readsAhead) return pending.slice(0, -1);
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
    const choice = this.#choose(proposal, forward.scores);
    this.#timed('remember', () => this.#phases.remember(run, proposal, choice, forward));
    return this.step('decode', forward.rows, draftTokens(proposal.draft, choice.accepted), started);
  }

  /** A step that needs no forward. */
  settle(proposal: Proposal, started: number): Step {
    const { accepted } = this.#choose(proposal, []);
    return this.step('decode', 0, draftTokens(proposal.draft, accepted), started);
  }

  #choose(proposal: Proposal, scores: readonly Scores[]): Choice {
    const { run } = this;
    const choice = this.#timed('choose', () => this.#phases.choose(run, proposal, scores));
    run.statistics.drafted += proposal.draft.tokens.length;
    run.statistics.accepted += choice.accepted.length;
    return choice;
  }

  /** Caches a chunk of the prompt, of which nothing was scored. */
  keepRead(proposal: Proposal, forward: Forward, started: number): Step {
    const { run } = this;
    this.count(proposal.groups);
    run.keep(run.sequence, forward.newRows, [...Array(forward.rows).keys()]);
    this.read(forward);
    return this.step('prefill', forward.rows, [], started);
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
      slots: this.#lanes.used,
      seconds: (performance.now() - started) / 1000,
      finish: run.finish,
    };
  }

  /** The only step of a run that had nothing to do. */
  endAtOnce(): Step {
    return this.step('decode', 0, [], performance.now());
  }
}
