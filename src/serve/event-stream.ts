/** Server-sent events (WHATWG HTML, section 9.2) at the reader's pace. */

import type { ServerResponse } from 'node:http';

export class EventStream {
  readonly #res: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  #waiting: Promise<void> | undefined;

  /** @param timeout seconds a reader may take until it has room for the next event; then its connection is closed. */
  constructor(res: ServerResponse, headers: Readonly<Record<string, string>>, timeout: number) {
    this.#res = res;
    this.#headers = headers;
    this.#timeoutMs = timeout * 1000;
  }

  /** The status is sent; from now on an error can only be told as an event. */
  get started(): boolean {
    return this.#res.headersSent;
  }

  /** Sends an event of one line; resolves once there is room for another, or nobody is there any more. */
  async send(data: string, event?: string): Promise<void> {
    const res = this.#res;
    if (res.destroyed || res.writableEnded) return;
    if (!res.headersSent) {
      res.writeHead(200, {
        ...this.#headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
    }
    const named = event === undefined ? '' : `event: ${event}\n`;
    if (!res.write(`${named}data: ${data}\n\n`)) await this.#room();
  }

  /** Ends the stream; what is still to be sent gets as much time as an event. */
  end(): void {
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
