/** The steps of one request between whoever decodes it and whoever reads it, each at their own pace. */

import type { Step } from './step.ts';

export class StepQueue {
  readonly #steps: Step[] = [];
  #state: 'open' | 'ended' | 'failed' | 'left' = 'open';
  #error: unknown;
  #wake = () => {};
  #resolve = () => {};
  #reject: (error: unknown) => void = () => {};
  /** Settles when the request has ended, read or not. */
  readonly ended: Promise<void>;

  constructor() {
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever only iterates learns of the failure there.
    this.ended.catch(() => {});
  }

  /** No more steps are wanted or taken. */
  get closed(): boolean {
    return this.#state !== 'open';
  }

  push(step: Step): void {
    if (this.closed) return;
    this.#steps.push(step);
    this.#wake();
  }

  end(): void {
    if (this.closed) return;
    this.#state = 'ended';
    this.#resolve();
    this.#wake();
  }

  /** Ends with an error, which overtakes the steps that are still unread. */
  fail(error: unknown): void {
    if (this.closed) return;
    this.#state = 'failed';
    this.#error = error;
    this.#steps.length = 0;
    this.#reject(error);
    this.#wake();
  }

  /** For one reader; one that leaves early closes the queue. Not a generator, whose every step takes several promises. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Step, void> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.#leave();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async #next(): Promise<IteratorResult<Step, void>> {
    if (this.#steps.length === 0 && this.#state === 'open') {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const value = this.#steps.shift();
    if (value) return { done: false, value };
    if (this.#state === 'failed') throw this.#error;
    return { done: true, value: undefined };
  }

  #leave(): void {
    if (this.closed) return;
    this.#state = 'left';
    this.#steps.length = 0;
    this.#reject(new Error('the steps were left before the end'));
    this.#wake();
  }
}
