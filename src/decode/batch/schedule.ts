/** Which prompts of a batch wait, run and have finished; what each forward is made of; and what it all has cost. */

import type { z } from 'zod';
import type { KvCache } from '../../cache/index.ts';
import { QuickstepError } from '../../errors.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { type Request, requests } from '../generate.ts';
import { RunningSet } from '../loop.ts';
import type { Run } from '../run.ts';
import type { BatchOutcome, BatchRequest, batchOptions } from './batchllm.ts';
import { orderOf } from './order.ts';
import { prefixGroups } from './prefix-groups.ts';
import { prefixTree } from './prefix-tree.ts';
import { GroupPrefixes, noPrefixes, type Prefixes, RecentPrefixes } from './prefixes.ts';

/** A request whose prompt can be decoded. */
export interface Job {
  /** Its number in the batch. */
  readonly index: number;
  readonly tokens: readonly number[];
  readonly options: NonNullable<BatchRequest['options']>;
  /** Most answer tokens. */
  readonly limit: number;
  /** Answer tokens, as far as one can tell; the limit where nothing is known. */
  readonly expected: number;
  readonly known: boolean;
}

/** What a batch has cost so far. */
export interface BatchStatistics {
  forwards: number;
  /** Rows run, and the sum of their squares over forwards. */
  rows: number;
  squaredRows: number;
  /** Tokens of the prompts that have begun, those of them that were shared, and those that were read once more. */
  promptTokens: number;
  sharedTokens: number;
  repeatedTokens: number;
  answerTokens: number;
  /** Most slots in use in a forward, and their sum over forwards. */
  peakSlots: number;
  slotForwards: number;
  /** Most prompts and answers under way at once. */
  peakRunning: number;
  /** Runs that were stopped for want of slots, to begin again. */
  preemptions: number;
}

/** Answers that must be known before their mean says something about others. */
const fewAnswers = 8;

export class Schedule {
  readonly #model: LanguageModel;
  readonly #jobs: readonly Job[];
  readonly #options: z.output<typeof batchOptions>;
  readonly #cache: KvCache;
  readonly #set: RunningSet;
  readonly #prefixes: Prefixes;
  /** Jobs that have not begun, in order. */
  readonly #waiting: number[];
  /** Of running jobs. */
  readonly #active = new Map<number, Request>();
  /** Rows each job is expected to take. */
  readonly #rows: readonly number[];
  /** Expected answer tokens of jobs that were stopped for want of slots. */
  readonly #regrown = new Map<number, number>();
  /** Jobs whose runs failed in the last forward. */
  readonly #failures: { job: number; error: QuickstepError }[] = [];
  #finished = 0;
  #finishedRows = 0;
  readonly #statistics: BatchStatistics = {
    ...{ forwards: 0, rows: 0, squaredRows: 0, promptTokens: 0, sharedTokens: 0, repeatedTokens: 0 },
    ...{ answerTokens: 0, peakSlots: 0, slotForwards: 0, peakRunning: 0, preemptions: 0 },
  };

  constructor(model: LanguageModel, jobs: readonly Job[], options: z.output<typeof batchOptions>) {
    this.#model = model;
    this.#jobs = jobs;
    this.#options = options;
    const cache = model.newCache();
    this.#cache = cache;
    const lane = {
      get used() {
        return cache.slots.used;
      },
      close: () => void cache.compactIfSparse(),
    };
    const onFailure = ({ request: job }: Run, error: unknown) => {
      if (!QuickstepError.isInstance(error)) throw error;
      this.#failures.push({ job, error });
    };
    this.#set = new RunningSet(model, lane, { budget: options.budget, onFailure });
    const prompts = jobs.map(({ tokens }) => tokens);
    const { groups } = options.sharing === 'groups' ? prefixGroups(prefixTree(prompts)) : { groups: [] };
    this.#prefixes = {
      groups: () => new GroupPrefixes(cache.slots, groups),
      recent: () => new RecentPrefixes(cache.slots, prompts),
      none: () => noPrefixes,
    }[options.sharing]();
    this.#waiting = orderOf(jobs, groups, options.order);
    const rows = jobs.map(({ tokens, expected }) => tokens.length + expected);
    for (const { length, members } of groups) for (const member of members.slice(1)) rows[member] -= length;
    this.#rows = rows;
  }

  get done(): boolean {
    return this.#waiting.length === 0 && this.#set.size === 0;
  }

  get progress() {
    let done = this.#finishedRows;
    for (const [job, { run }] of this.#active) done += Math.min(run.statistics.rows, this.#rows[job]);
    const total = this.#rows.reduce((sum, rows) => sum + rows, 0);
    return { finished: this.#finished, done, total, statistics: { ...this.#statistics } };
  }

  /**
   * Lets prompts begin while the next forward has rows left for them and there is memory, and yields those that need no
   * forward.
   */
  async *begin(): AsyncGenerator<BatchOutcome, void, void> {
    const { budget, maxRunning } = this.#options;
    while (this.#set.size < maxRunning && this.#set.waitingRows < budget) {
      // Those whose prefix is just being read stand back for others.
      const place = this.#waiting.findIndex((job) => this.#prefixes.find(job) !== 'soon');
      if (place === -1) return;
      if (!this.#fits(this.#waiting[place])) {
        const idle = this.#set.size === 0;
        if (this.#prefixes.release(idle)) continue;
        if (!idle) return;
      }
      const [job] = this.#waiting.splice(place, 1);
      yield* this.#start(job);
    }
  }

  async *#start(job: number): AsyncGenerator<BatchOutcome, void, void> {
    const { index, tokens, options } = this.#jobs[job];
    let request: Request | undefined;
    try {
      request = requests(this.#model, options)({ tokens }, job, this.#cache);
      await request.phases.prepare?.();
    } catch (error) {
      request?.run.dispose();
      if (!QuickstepError.isInstance(error)) throw error;
      this.#prefixes.began(job);
      this.#count(job);
      yield { index, error };
      return;
    }
    const { run } = request;
    const shared = this.#prefixes.find(job);
    if (shared === 'soon') throw new Error('a prompt began before its prefix');
    if (shared) run.beginWith(shared.sequence, shared.length);
    const read = tokens.length - run.sequence.length;
    if (this.#regrown.has(job)) this.#statistics.repeatedTokens += read;
    else {
      this.#statistics.promptTokens += tokens.length;
      this.#statistics.sharedTokens += tokens.length - read;
    }
    this.#prefixes.began(job, run);
    this.#active.set(job, request);
    for (const step of this.#set.add(request)) {
      request.record(step);
      yield this.#finish(job);
    }
    this.#statistics.peakRunning = Math.max(this.#statistics.peakRunning, this.#set.size);
  }

  /** One forward of all that runs; yields what has finished with it. */
  async *step(signal?: AbortSignal): AsyncGenerator<BatchOutcome, void, void> {
    yield* this.#makeRoom();
    if (this.#set.size === 0) return;
    const finished: number[] = [];
    let [rows, slots] = [0, 0];
    for await (const step of this.#set.step(signal)) {
      const request = this.#active.get(step.request)!;
      request.record(step);
      rows += step.rows;
      slots = Math.max(slots, step.slots);
      this.#prefixes.advanced(step.request, request.run);
      if (step.finish) finished.push(step.request);
    }
    const statistics = this.#statistics;
    statistics.forwards++;
    statistics.rows += rows;
    statistics.squaredRows += rows ** 2;
    statistics.peakSlots = Math.max(statistics.peakSlots, slots);
    statistics.slotForwards += slots;
    for (const job of finished) yield this.#finish(job);
    for (const { job, error } of this.#failures.splice(0)) yield this.#fail(job, error);
  }

  #fail(job: number, error: QuickstepError): BatchOutcome {
    this.#active.delete(job);
    this.#prefixes.ended(job);
    this.#count(job);
    return { index: this.#jobs[job].index, error };
  }

  #finish(job: number): BatchOutcome {
    const result = this.#active.get(job)!.result();
    this.#active.delete(job);
    this.#prefixes.ended(job);
    this.#statistics.answerTokens += result.tokens.length;
    this.#count(job);
    return { index: this.#jobs[job].index, result };
  }

  #count(job: number): void {
    this.#finished++;
    this.#finishedRows += this.#rows[job];
  }

  /** Answer tokens a job is expected to have: what is known, else the mean of what has finished, else the limit. */
  #expected(job: number): number {
    const { expected, known, limit } = this.#jobs[job];
    const regrown = this.#regrown.get(job);
    if (regrown !== undefined) return regrown;
    if (known || this.#finished < fewAnswers) return expected;
    return Math.min(limit, Math.ceil(this.#statistics.answerTokens / this.#finished));
  }

  /** Whether there are slots for a job to the end, and for all that run. */
  #fits(job: number): boolean {
    const found = this.#prefixes.find(job);
    const shared = found && found !== 'soon' ? found.length : 0;
    let slots = this.#cache.slots.used + this.#jobs[job].tokens.length - shared + this.#expected(job);
    for (const [other, { run }] of this.#active) {
      const answer = Math.max(this.#expected(other), run.generated.length + 1);
      slots += Math.max(0, run.prompt.length + answer - run.sequence.length);
    }
    return slots <= this.#options.maxSlots;
  }

  /**
   * Where the next forward does not fit, what is held for others goes, then the newest run, which begins again later.
   * A run that has all slots to itself and needs more yields an error.
   */
  *#makeRoom(): Generator<BatchOutcome, void, void> {
    const { maxSlots, budget } = this.#options;
    const coming = () => Math.min(this.#set.waitingRows, Math.max(budget, this.#set.size));
    while (this.#set.size > 0 && this.#cache.slots.used + coming() > maxSlots) {
      const { runs } = this.#set;
      if (this.#prefixes.release(runs.length === 1)) continue;
      const newest = runs[runs.length - 1];
      const job = newest.request;
      this.#set.remove(newest);
      if (runs.length === 1) {
        const message = `An answer outgrew the ${maxSlots} slots of the cache.`;
        const hint = 'Raise maxSlots, or ask for fewer tokens.';
        yield this.#fail(job, new QuickstepError('out-of-memory', message, hint));
        return;
      }
      this.#active.delete(job);
      // It will not begin again before there is room for more than it had expected.
      this.#regrown.set(job, Math.min(this.#jobs[job].limit, 2 * this.#expected(job) + 1));
      this.#prefixes.stopped(job);
      this.#waiting.unshift(job);
      this.#statistics.preemptions++;
    }
  }

  /** Ends all that runs and frees all slots. */
  close(): void {
    for (const run of this.#set.runs) this.#set.remove(run);
    while (this.#prefixes.release(true));
    if (this.#cache.slots.used > 0) throw new Error(`${this.#cache.slots.used} slots are still in use`);
  }
}
