/** One request and its answer, as routes see them: a checked body, a turn among all requests, JSON or events out. */

import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Result } from '../decode/generate.ts';
import type { Admission } from './admission.ts';
import { ApiError } from './api-error.ts';
import { readBody } from './body.ts';
import { EventStream, type WritePace } from './event-stream.ts';
import type { ServerMetrics } from './server-metrics.ts';

export interface ExchangeOptions {
  readonly maxBody: number;
  /** Seconds. */
  readonly timeout: number;
  readonly readTimeout: number;
  readonly admission: Admission;
  readonly metrics: ServerMetrics;
  readonly pace: WritePace;
  /** Aborts when answers under way are not waited for any longer. */
  readonly closing: AbortSignal;
}

/** The address of a request line: a path, though it may look like another host (`//`), or a whole URL as proxies send it. */
function addressOf(target: string): URL {
  if (!target.startsWith('/') && URL.canParse(target)) return new URL(target);
  return new URL(`http://localhost${target.startsWith('/') ? '' : '/'}${target}`);
}

export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly url: URL;
  /** Of every answer, such as those that CORS asks for. */
  readonly headers: Record<string, string>;
  readonly #options: ExchangeOptions;
  readonly #events: EventStream;

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    headers: Record<string, string>,
    options: ExchangeOptions,
  ) {
    this.req = req;
    this.res = res;
    this.url = addressOf(req.url ?? '/');
    this.headers = {
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      ...headers,
    };
    this.#options = options;
    this.#events = new EventStream(res, this.headers, options.readTimeout, options.pace);
  }

  /** @throws ApiError as `readBody`. */
  body<T>(schema: z.ZodType<T>): Promise<T> {
    return readBody(this.req, this.#options.maxBody, schema);
  }

  /**
   * Does work that decodes `answers` answers, if there is room for them. The signal aborts when the client goes, the time
   * is over or the server closes.
   * @throws ApiError 429 when too many answers are pending, 504 when the time is over, 503 at the server's end
   */
  async admitted(
    answers: number,
    work: (signal: AbortSignal, abort: (reason: unknown) => void) => Promise<void>,
  ): Promise<void> {
    const { admission, closing, timeout } = this.#options;
    const leave = admission.enter(answers);
    const controller = new AbortController();
    // Every answer of the request listens to it.
    setMaxListeners(0, controller.signal);
    const abort = (reason: unknown) => controller.abort(reason);
    const gone = () => abort(new ApiError(499, 'client_gone', 'The client has closed the connection.'));
    const late = () => abort(new ApiError(504, 'timeout', `The answer took longer than ${timeout} seconds.`));
    const closed = () => abort(new ApiError(503, 'closing', 'The server is shutting down.'));
    const timer = setTimeout(late, timeout * 1000);
    this.res.once('close', gone);
    closing.addEventListener('abort', closed, { once: true });
    try {
      if (this.res.destroyed) gone();
      if (closing.aborted) closed();
      controller.signal.throwIfAborted();
      await work(controller.signal, abort);
    } finally {
      clearTimeout(timer);
      this.res.off('close', gone);
      closing.removeEventListener('abort', closed);
      leave();
    }
  }

  /** Adds finished answers to the metrics. */
  count(model: string, results: readonly Result[]): void {
    this.#options.metrics.answers(model, results);
  }

  json(value: unknown, status = 200, headers: Record<string, string> = {}): void {
    this.text(JSON.stringify(value), 'application/json', status, headers);
  }

  /** From now on, a client that takes nothing of the answer for the time of reading is cut off. */
  awaitReader(): void {
    this.res.setTimeout(Math.ceil(this.#options.readTimeout * 1000));
  }

  text(text: string, type: string, status = 200, headers: Record<string, string> = {}): void {
    this.res.writeHead(status, {
      'cache-control': 'no-store',
      ...this.headers,
      ...headers,
      'content-type': type,
      'content-length': Buffer.byteLength(text),
    });
    this.awaitReader();
    this.res.end(this.req.method === 'HEAD' ? undefined : text);
  }

  /** Sends a value as a server-sent event, a function's value when it is written; waits for a slow reader. */
  event(value: object | (() => object), name?: string): Promise<void> {
    const data = typeof value === 'function' ? () => JSON.stringify(value()) : JSON.stringify(value);
    return this.#events.send(data, name);
  }

  /** Ends a stream of events as OpenAI does. */
  async done(): Promise<void> {
    await this.#events.send('[DONE]');
    this.end();
  }

  end(): void {
    this.#events.end();
  }

  /** Tells an error: as the answer, or as the last event when the answer has begun. */
  async fail(error: ApiError): Promise<void> {
    if (this.res.destroyed || this.res.writableEnded) return;
    if (!this.#events.started) return this.json(error.body, error.status, error.headers);
    await this.#events.send(JSON.stringify({ type: 'error', ...error.body }), 'error');
    this.end();
  }
}
