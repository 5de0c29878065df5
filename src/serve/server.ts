/**
 * The HTTP server: how it begins and ends, and what stands before every answer. It stands on node:http alone; what a request
 * may cost is bounded before it is paid. Which address is answered by what is told in routes.ts.
 */

import { once, setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { Admission } from './admission.ts';
import { ApiError, toApiError } from './api-error.ts';
import { discardRest } from './body.ts';
import type { Decoding } from './decoding.ts';
import { WritePace } from './event-stream.ts';
import { Exchange } from './exchange.ts';
import { Guard, preflightHeaders } from './guard.ts';
import { ModelPool } from './models.ts';
import { type ServerOptions, serverOptions } from './options.ts';
import { notFound, routeOf } from './routes.ts';
import { ServerMetrics } from './server-metrics.ts';

export interface ServeOptions extends z.input<typeof serverOptions> {
  /** Without it, nobody is asked for a key. */
  apiKey?: string;
  /** Told of failures that should not have happened. Default: standard error. */
  onError?(error: unknown): void;
}

export class QuickstepServer implements AsyncDisposable {
  readonly models: ModelPool;
  readonly admission: Admission;
  readonly metrics = new ServerMetrics();
  readonly decoding: Decoding;
  readonly #pace = new WritePace();
  readonly #options: ServerOptions;
  readonly #guard: Guard;
  readonly #http: Server;
  readonly #onError: (error: unknown) => void;
  readonly #end = new AbortController();
  /** Answers that have not been sent yet. */
  readonly #underWay = new Set<ServerResponse>();
  #closed: Promise<void> | undefined;

  /** @throws QuickstepError 'bad-option'. Nothing is opened before `listen`. */
  constructor({ apiKey, onError, ...options }: ServeOptions = {}) {
    this.#options = parseOptions(options);
    const { maxPending, maxAnswer, allowHost, allowOrigin, readTimeout } = this.#options;
    this.#onError = onError ?? ((error) => console.error(error));
    this.models = new ModelPool(this.#options);
    this.admission = new Admission(maxPending);
    this.decoding = { models: this.models, maxAnswer };
    this.#guard = new Guard({ apiKey, allowHost: [...allowHost, this.#options.host], allowOrigin });
    this.#http = createServer(
      {
        // Whole numbers, and 0 would be no limit.
        requestTimeout: Math.ceil(readTimeout * 1000),
        headersTimeout: Math.ceil(Math.min(readTimeout, 10) * 1000),
        connectionsCheckingInterval: 1000,
      },
      (req, res) => void this.#answer(req, res),
    );
    this.#http.maxHeadersCount = 100;
    // Every pending answer listens to it.
    setMaxListeners(0, this.#end.signal);
  }

  /** It finishes what is under way and takes nothing new. */
  get closing(): boolean {
    return this.#closed !== undefined;
  }

  /** Where it listens, after `listen`. */
  get url(): string {
    const { address, family, port } = this.#http.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /**
   * Loads the models that were named, then opens the port.
   * @throws QuickstepError as `load`, and 'busy' when the port is taken.
   */
  async listen(): Promise<void> {
    await this.models.loadNamed();
    const { host, port } = this.#options;
    this.#http.listen({ host, port });
    try {
      await once(this.#http, 'listening');
    } catch (cause) {
      const hint = 'Choose another with --port or --host.';
      throw new QuickstepError(
        'busy',
        `Cannot listen on ${host}, port ${port}: ${(cause as Error).message}.`,
        hint,
        { cause },
      );
    }
  }

  /** Takes nothing new, lets answers under way finish for the time of grace, then ends the rest and frees the models. */
  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    this.#closeUnused();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(): Promise<void> {
    const { listening } = this.#http;
    const { promise, resolve } = deferred();
    this.#http.close(() => resolve());
    const late = setTimeout(() => {
      this.#end.abort();
      // What is left gets a moment to be told.
      setTimeout(() => this.#http.closeAllConnections(), 500).unref();
    }, this.#options.grace * 1000);
    if (listening) await promise;
    clearTimeout(late);
    await this.models[Symbol.asyncDispose]();
  }

  /** Once nothing is under way, nobody is waited for, such as a browser that has connected beforehand. */
  #closeUnused(): void {
    if (this.closing && this.#underWay.size === 0) this.#http.closeAllConnections();
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let exchange = this.#exchange(req, res, {});
    const { pathname } = exchange.url;
    const route = routeOf(req.method, pathname);
    res.on('finish', () => this.metrics.request(route?.path ?? 'none', res.statusCode));
    this.#underWay.add(res);
    res.on('close', () => {
      this.#underWay.delete(res);
      this.#closeUnused();
    });
    try {
      exchange = this.#exchange(req, res, this.#guard.checkOrigin(req));
      if (req.method === 'OPTIONS') {
        res.writeHead(204, { ...exchange.headers, ...preflightHeaders(req) }).end();
        return;
      }
      if (!route?.open) this.#guard.checkKey(req);
      if (!route) throw notFound(req.method ?? '', pathname);
      if (this.closing) res.setHeader('connection', 'close');
      if (this.closing && !route.open) throw new ApiError(503, 'closing', 'The server is shutting down.');
      await route.handle(exchange, this);
    } catch (error) {
      const failure = toApiError(error);
      if (failure.code === 'internal_error') this.#onError(error);
      await exchange.fail(failure);
    }
    discardRest(req);
  }

  #exchange(req: IncomingMessage, res: ServerResponse, headers: Record<string, string>): Exchange {
    const { maxBody, timeout, readTimeout } = this.#options;
    const { admission, metrics } = this;
    return new Exchange(req, res, headers, {
      maxBody,
      timeout,
      readTimeout,
      admission,
      metrics,
      pace: this.#pace,
      closing: this.#end.signal,
    });
  }
}

function parseOptions(options: z.input<typeof serverOptions>): ServerOptions {
  const parsed = serverOptions.safeParse(options);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const known = `The options are ${Object.keys(serverOptions.shape).join(', ')}.`;
  throw new QuickstepError('bad-option', `Server option "${issue.path.join('.')}": ${issue.message}.`, known);
}

function deferred(): { promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/**
 * Starts a server.
 * @example await using server = await serve({ port: 0 });
 * @throws QuickstepError 'bad-option', 'busy', or as `load` for a model that was named
 */
export async function serve(options: ServeOptions = {}): Promise<QuickstepServer> {
  const server = new QuickstepServer(options);
  try {
    await server.listen();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}
