/**
 * Continuous batching: requests join the runs of a model between two forwards and leave when they have finished, share
 * every forward while they are there, and get the answers of single runs. Whoever has a model to share (a server, a
 * provider inside an application) holds one `ContinuousBatch` and calls its `generate` like the library's own.
 */

import { type KvBatch, type KvCache, PrefixStore } from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import {
  type GenerateOptions,
  type Generation,
  type Prompt,
  promptTokens,
  type Request,
  type Result,
  requests,
} from './generate.ts';
import { RunningSet } from './loop.ts';
import type { Run } from './run.ts';
import type { Step } from './step.ts';
import { StepQueue } from './step-queue.ts';

/** A request from its call to its end. */
interface Job {
  readonly number: number;
  readonly tokens: readonly number[];
  readonly steps: StepQueue;
  open(cache: KvCache): Request;
  request?: Request;
}

export interface ContinuousOptions {
  /** Most requests decoded together; others wait, in the order of their calls. Default 32. */
  maxRunning?: number;
  /**
   * Most memory for what has been read and written, kept for prompts that begin alike, such as the next turn of a conversation; in
   * bytes. 0 keeps nothing. Default 256 MiB.
   */
  prefixBytes?: number;
}

const defaultPrefixBytes = 256 * 1024 * 1024;

/** Lets requests come in that have arrived while a forward blocked the event loop. A page's loop is not blocked. */
const arrivals = async (): Promise<void> => {
  if (typeof setImmediate === 'function') await new Promise<void>((resolve) => void setImmediate(resolve));
};

const closed = () => new QuickstepError('disposed', 'The batch is closed.', 'Make another one.');

export class ContinuousBatch {
  readonly model: LanguageModel;
  readonly maxRunning: number;
  readonly #waiting: Job[] = [];
  /** By the number of the request. */
  readonly #running = new Map<number, Job>();
  readonly #prefixes: PrefixStore;
  #lanes: KvBatch;
  #set: RunningSet;
  #numbers = 0;
  #driving: Promise<void> | undefined;
  #closed = false;

  constructor(
    model: LanguageModel,
    { maxRunning = 32, prefixBytes = defaultPrefixBytes }: ContinuousOptions = {},
  ) {
    this.model = model;
    this.maxRunning = maxRunning;
    this.#lanes = model.newBatch();
    this.#prefixes = new PrefixStore(this.#lanes.store.shape, prefixBytes);
    this.#set = this.#newSet();
  }

  /** Requests that are being decoded. */
  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** K/V slots in use, all requests together. */
  get slots(): number {
    return this.#lanes.used;
  }

  /** Tokens of requests that have ended whose K/V are kept. */
  get keptTokens(): number {
    return this.#prefixes.tokens;
  }

  /**
   * Decodes one prompt beside whatever else is decoded. It begins at once, read or not; leaving the iterator early or
   * aborting the signal ends it.
   * @throws QuickstepError as `generate`: for impossible options at once, for an impossible prompt from the iterator.
   */
  generate(prompt: Prompt, options: GenerateOptions = {}): Generation<Result> {
    return this.#start(promptTokens(this.model, prompt), options);
  }

  /**
   * Decodes one prompt several times, each with its own options; like all prompts that begin alike, it is read once. The answers are
   * those of `generate`.
   * @throws As `generate`.
   */
  generateChoices(prompt: Prompt, choices: readonly GenerateOptions[]): Generation<Result>[] {
    const tokens = promptTokens(this.model, prompt);
    return choices.map((options) => this.#start(tokens, options));
  }

  #start(tokens: readonly number[], { signal, ...options }: GenerateOptions): Generation<Result> {
    signal?.throwIfAborted();
    if (this.#closed) throw closed();
    const open = requests(this.model, options);
    const number = this.#numbers++;
    const steps = new StepQueue();
    const job: Job = { number, tokens, steps, open: (cache) => open({ tokens }, number, cache) };
    const abort = () => steps.fail(signal!.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const ended = steps.ended.finally(async () => {
      signal?.removeEventListener('abort', abort);
      await job.request?.phases.conclude?.();
    });
    ended.catch(() => {});
    this.#waiting.push(job);
    this.#driving ??= this.#drive();
    return {
      [Symbol.asyncIterator]: () => steps[Symbol.asyncIterator](),
      get result() {
        return ended.then(() => job.request!.result());
      },
    };
  }

  /** Ends all requests; resolves once the model is not used any more, so that it can be disposed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { steps } of [...this.#waiting, ...this.#running.values()]) steps.fail(closed());
    await this.#driving;
  }

  #newSet(): RunningSet {
    const onFailure = (run: Run, error: unknown) => {
      this.#running.get(run.request)?.steps.fail(error);
      this.#running.delete(run.request);
    };
    const options = { takeTurns: true, prefixes: this.#prefixes, onFailure };
    return new RunningSet(this.model, this.#lanes, options);
  }

  /** Steps while there is anything to do; only one call at a time does. */
  async #drive(): Promise<void> {
    do {
      // At first, the caller gets its iterator before anything happens.
      await arrivals();
      this.#dropClosed();
      while (this.#running.size < this.maxRunning) {
        // What another is just reading is not read twice.
        const next = this.#waiting.findIndex(({ tokens }) => !this.#set.isReading(tokens));
        if (next === -1) break;
        const [job] = this.#waiting.splice(next, 1);
        await this.#admit(job);
      }
      if (this.#running.size > 0) await this.#step();
    } while (this.#running.size > 0 || this.#waiting.length > 0);
    this.#driving = undefined;
  }

  /** Removes the requests that were aborted or whose reader has left. */
  #dropClosed(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      if (this.#waiting[i].steps.closed) this.#waiting.splice(i, 1);
    }
    for (const { number, steps, request } of this.#running.values()) {
      if (!steps.closed) continue;
      this.#set.remove(request!.run);
      this.#running.delete(number);
    }
  }

  async #admit(job: Job): Promise<void> {
    if (job.steps.closed) return;
    let cache: KvCache | undefined;
    try {
      cache = this.#lanes.open();
      job.request = job.open(cache);
      await job.request.phases.prepare?.();
      this.#running.set(job.number, job);
      for (const step of this.#set.add(job.request)) this.#deliver(step);
    } catch (error) {
      job.request?.run.dispose();
      if (cache) this.#lanes.close(cache);
      job.steps.fail(error);
    }
  }

  async #step(): Promise<void> {
    try {
      for await (const step of this.#set.step()) this.#deliver(step);
    } catch (error) {
      // The forward itself failed, and with it everyone in it; what they cached is not to be trusted.
      for (const { steps, request } of this.#running.values()) {
        request!.run.dispose();
        steps.fail(error);
      }
      this.#running.clear();
      this.#lanes = this.model.newBatch();
      this.#set = this.#newSet();
    }
  }

  #deliver(step: Step): void {
    const job = this.#running.get(step.request);
    if (!job) return;
    job.request!.record(step);
    step.request = 0;
    job.steps.push(step);
    if (!step.finish) return;
    this.#running.delete(job.number);
    job.steps.end();
  }
}
