/** Random choices of a task's generator: a stream of Philox words behind one key, so that a problem has its own. */

import { philox4x32 } from '../decode/random.ts';

const wordsPerBlock = 4;

/** Draws in sequence; `reset` jumps to the stream of another problem. */
export class TaskRandom {
  readonly #counter = new Uint32Array(4);
  readonly #key = new Uint32Array(2);
  readonly #words = new Uint32Array(wordsPerBlock);
  #next = wordsPerBlock;

  /** @param stream keeps tasks and levels apart under one seed */
  constructor(seed: number, stream: number) {
    if (!Number.isSafeInteger(seed)) throw new Error(`random seed is not a safe integer: ${seed}`);
    this.#key[0] = seed >>> 0;
    this.#key[1] = Math.floor(seed / 2 ** 32) >>> 0;
    this.#counter[3] = stream;
  }

  /** Goes to the first number of try `attempt` at problem `index`, both in [0, 2^32). */
  reset(index: number, attempt: number): void {
    this.#counter[0] = 0;
    this.#counter[1] = index;
    this.#counter[2] = attempt;
    this.#next = wordsPerBlock;
  }

  /** An integer in [0, count), count up to 2^16 (beyond, the last bits would show). */
  below(count: number): number {
    if (this.#next === wordsPerBlock) {
      philox4x32(this.#counter, this.#key, this.#words);
      this.#counter[0]++;
      this.#next = 0;
    }
    return Math.floor((this.#words[this.#next++] * count) / 2 ** 32);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in `percent` of a hundred draws. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** `count` different entries of a list, in random order. */
  sample<T>(list: readonly T[], count: number): T[] {
    const rest = [...list];
    for (let i = 0; i < count; i++) {
      const from = this.between(i, rest.length - 1);
      [rest[i], rest[from]] = [rest[from], rest[i]];
    }
    rest.length = count;
    return rest;
  }

  shuffle<T>(list: readonly T[]): T[] {
    return this.sample(list, list.length);
  }
}
