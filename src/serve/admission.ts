/** How many answers may be pending at a time. Whoever comes when it is full is told when to come again. */

import { ApiError } from './api-error.ts';

/** Answers whose durations are remembered for the estimate. */
const remembered = 32;

export class Admission {
  readonly #most: number;
  readonly #seconds: number[] = [];
  /** Answers that are decoded or wait. */
  pending = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Takes room for some answers.
   * @returns gives it back; calling it again does nothing
   * @throws ApiError 429 with Retry-After when there is none, 400 when there never can be
   */
  enter(answers: number): () => void {
    if (answers > this.#most) {
      throw new ApiError(400, 'too_many_answers', `A request may ask for at most ${this.#most} answers.`, {
        param: 'n',
      });
    }
    if (this.pending + answers > this.#most) {
      const wait = String(this.#retryAfter());
      throw new ApiError(
        429,
        'too_many_requests',
        `The server has ${this.pending} answers to finish first. Try again in ${wait} s.`,
        {
          headers: { 'retry-after': wait },
        },
      );
    }
    this.pending += answers;
    const started = performance.now();
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.pending -= answers;
      this.#seconds.push((performance.now() - started) / 1000);
      if (this.#seconds.length > remembered) this.#seconds.shift();
    };
  }

  /** Answers end evenly over their usual time, so that room for one is expected within a fraction of it. */
  #retryAfter(): number {
    const mean = this.#seconds.reduce((sum, s) => sum + s, 0) / Math.max(1, this.#seconds.length);
    return Math.max(1, Math.ceil(mean));
  }
}
