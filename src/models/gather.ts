/** Requests to a program that several callers make at the same time, answered together. */

interface Waiting<Q, A> {
  request: Q;
  resolve(answer: A): void;
  reject(error: unknown): void;
}

/** Takes what is asked for in one turn of the event loop as one batch; batches run one after the other. */
export class Gatherer<Q, A> {
  readonly #answer: (requests: readonly Q[]) => Promise<readonly A[]>;
  #waiting: Waiting<Q, A>[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  /** @param answer The answers to a batch, in its order; a failure is that of every request. */
  constructor(answer: (requests: readonly Q[]) => Promise<readonly A[]>) {
    this.#answer = answer;
  }

  ask(request: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => this.between(() => this.#run()));
    });
  }

  /** Does something while no batch is under way. */
  between<T>(work: () => T | Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #run(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const answers = await this.#answer(waiting.map(({ request }) => request));
      for (const [i, { resolve }] of waiting.entries()) resolve(answers[i]);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
