/**
 * Server-sent events (WHATWG HTML, section 9.2) at the reader's pace. A write to a socket costs about as much as a token of
 * a small model, so the streams of a server share a budget of writes: alone, a stream writes every event at once, among many
 * it writes a few events together.
 */

import type { ServerResponse } from 'node:http';

/** Writes a second, all streams together; more would take tokens from everybody. */
const writeBudget = 500;

/** What the streams of a server know of each other. */
export class WritePace {
  open = 0;

  /** Milliseconds between two writes of a stream, save for the first and the last. */
  get interval(): number {
    return (this.open * 1000) / writeBudget;
  }
}

/** Characters that are never held back. */
const mostHeld = 16 * 1024;

export class EventStream {
  readonly #res: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #pace: WritePace;
  #waiting: Promise<void> | undefined;
  /** Events that are still to be written, and how many characters they have as far as that is known. */
  #held: (() => string)[] = [];
  #heldLength = 0;
  #written = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** @param timeout seconds a reader may take until it has room for the next event; then its connection is closed. */
  constructor(
    res: ServerResponse,
    headers: Readonly<Record<string, string>>,
    timeout: number,
    pace: WritePace,
  ) {
    this.#res = res;
    this.#headers = headers;
    this.#timeoutMs = timeout * 1000;
    this.#pace = pace;
  }

  /** There was an event; from now on an error can only be told as another. */
  get started(): boolean {
    return this.#res.headersSent || this.#held.length > 0;
  }

  /**
   * Sends an event of one line; resolves once there is room for another, or nobody is there any more.
   * @param data a function is asked when the event is written, so that it can tell what has come until then.
   */
  async send(data: string | (() => string), event?: string): Promise<void> {
    if (this.#gone) return;
    const named = event === undefined ? '' : `event: ${event}\n`;
    if (this.#held.length === 0) this.#schedule();
    this.#held.push(() => `${named}data: ${typeof data === 'string' ? data : data()}\n\n`);
    this.#heldLength += typeof data === 'string' ? data.length : 0;
    if (this.#heldLength > mostHeld) this.#write();
    await this.#waiting;
  }

  get #gone(): boolean {
    return this.#res.destroyed || this.#res.writableEnded;
  }

  #schedule(): void {
    const wait = this.#written + this.#pace.interval - performance.now();
    if (wait > 0) this.#timer = setTimeout(() => this.#write(), wait);
    // Behind the other events of this step, and before the next forward, which blocks.
    else process.nextTick(() => this.#write());
  }

  #write(): void {
    clearTimeout(this.#timer);
    const res = this.#res;
    if (this.#gone || this.#held.length === 0) return;
    if (!res.headersSent) {
      this.#pace.open++;
      res.once('close', () => this.#pace.open--);
      res.writeHead(200, {
        ...this.#headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
    }
    const text = this.#held.map((event) => event()).join('');
    this.#held = [];
    this.#heldLength = 0;
    this.#written = performance.now();
    if (!res.write(text)) void this.#room();
  }

  /** Ends the stream; what is still to be sent gets as much time as an event. */
  end(): void {
    if (this.#gone) return;
    this.#write();
    const res = this.#res;
    const timer = setTimeout(() => res.destroy(), this.#timeoutMs);
    res.once('close', () => clearTimeout(timer));
    res.end();
  }

  /** One wait for all that have something to send. */
  #room(): Promise<void> {
    this.#waiting ??= this.#drained().finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  #drained(): Promise<void> {
    const res = this.#res;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        res.off('drain', done).off('close', done);
        resolve();
      };
      const timer = setTimeout(() => res.destroy(), this.#timeoutMs);
      res.on('drain', done).on('close', done);
    });
  }
}
