/**
 * One HTTP GET over the built-in `fetch`, with what it lacks: a limit on the wait for the first answer, a limit on
 * silence in the middle of a body, bounded text bodies, and errors that say which host failed and how.
 * Redirects are followed; `fetch` drops the authorization header when they leave the origin.
 */

import { QuickstepError } from '../errors.ts';

export interface HttpTimeouts {
  /** Milliseconds until the response headers: name lookup, connection and the server's first answer. */
  connectMs: number;
  /** Milliseconds without a byte of the body. */
  idleMs: number;
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = { connectMs: 5_000, idleMs: 30_000 };

export interface HttpOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal;
  timeouts?: HttpTimeouts;
}

export interface HttpReply {
  status: number;
  headers: Headers;
  /** The body in pieces. Stopping early closes the connection. */
  chunks(): AsyncGenerator<Uint8Array, void>;
  /** The whole body as text. @throws QuickstepError `bad-file` beyond `maxBytes`. */
  text(maxBytes: number): Promise<string>;
  /** Drops the body and closes the connection. */
  close(): void;
}

const seconds = (ms: number): string => `${ms / 1000} s`;

function describe(host: string, error: unknown): QuickstepError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException).code;
  const why =
    code === 'ENOTFOUND' || code === 'EAI_AGAIN'
      ? `the name does not resolve (${code}); is there a network?`
      : (code ?? (cause instanceof Error ? cause.message : String(cause)));
  return new QuickstepError('offline', `${host} cannot be reached: ${why}`, '', { cause: error });
}

/**
 * Starts a GET and resolves with the response headers, whatever the status.
 * @throws QuickstepError `offline` when the host cannot be reached, does not answer or falls silent;
 *   the signal's reason when aborted.
 */
export async function httpGet(
  url: string,
  { headers, signal, timeouts = DEFAULT_TIMEOUTS }: HttpOptions = {},
): Promise<HttpReply> {
  signal?.throwIfAborted();
  const { host } = new URL(url);
  const control = new AbortController();
  const onAbort = (): void => control.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  let timer: NodeJS.Timeout | undefined;
  const watch = (ms: number, what: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => control.abort(new QuickstepError('offline', `${host} ${what}`)), ms);
  };
  const finish = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  const failure = (error: unknown): unknown =>
    control.signal.aborted ? control.signal.reason : describe(host, error);

  let response: Response;
  try {
    watch(timeouts.connectMs, `did not answer within ${seconds(timeouts.connectMs)}.`);
    // Without identity a server may compress, and lengths and ranges would no longer be those of the file.
    const all = { 'accept-encoding': 'identity', 'user-agent': 'quickstep', ...headers };
    response = await fetch(url, { headers: all, signal: control.signal });
  } catch (error) {
    finish();
    throw failure(error);
  }
  clearTimeout(timer);

  async function* chunks(): AsyncGenerator<Uint8Array, void> {
    const reader = response.body?.getReader();
    try {
      for (;;) {
        watch(timeouts.idleMs, `sent nothing for ${seconds(timeouts.idleMs)}.`);
        const next = await reader?.read();
        clearTimeout(timer);
        if (next === undefined || next.done) return;
        yield next.value;
      }
    } catch (error) {
      throw failure(error);
    } finally {
      finish();
      await reader?.cancel().catch(() => undefined);
    }
  }

  return {
    status: response.status,
    headers: response.headers,
    chunks,
    async text(maxBytes) {
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of chunks()) {
        length += chunk.length;
        if (length > maxBytes) {
          throw new QuickstepError('bad-file', `${host} answered with more than ${maxBytes} bytes.`);
        }
        parts.push(chunk);
      }
      return Buffer.concat(parts).toString('utf8');
    },
    close() {
      finish();
      response.body?.cancel().catch(() => undefined);
    },
  };
}
