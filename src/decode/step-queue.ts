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

  /** For one reader; one that leaves early closes the queue. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Step, void, void> {
    try {
      for (;;) {
        const step = this.#steps.shift();
        if (step) yield step;
        else if (this.#state === 'failed') throw this.#error;
        else if (this.#state !== 'open') return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      if (this.#state === 'open') {
        this.#state = 'left';
        this.#reject(new Error('the steps were left before the end'));
      }
    }
  }
}
