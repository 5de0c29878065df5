/** Servers of tests, and plain HTTP to them. Test support; not part of the package. */

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, expect } from 'vitest';
import { type QuickstepServer, type ServeOptions, serve } from '../server.ts';

const failures: unknown[] = [];
afterAll(() => expect(failures).toEqual([]));

/** Starts a server of one small model; what fails inside it fails the tests of the file. */
export const start = (options: ServeOptions = {}): Promise<QuickstepServer> =>
  serve({
    port: 0,
    threads: 1,
    model: ['stories260k'],
    onError: (error) => failures.push(error),
    ...options,
  });

export const story = { model: 'stories260k', prompt: 'Once upon a time', max_tokens: 8 };
export const endless = { ...story, max_tokens: 400, quickstep: { ignoreEos: true } };

/** Posts JSON; a text is sent as it is. */
export function post({ url }: { url: string }, path: string, body: unknown, init: RequestInit = {}) {
  return fetch(url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  });
}

/** A request with headers that `fetch` does not let one set. */
export async function raw({ url }: { url: string }, path: string, options: RequestOptions = {}) {
  const req = httpRequest(url + path, options);
  req.end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of res) text += chunk;
  return { status: res.statusCode, headers: res.headers, text };
}

/** A connection on which anything can be said. */
export const connection = ({ url }: { url: string }): Socket =>
  connect(Number(new URL(url).port), '127.0.0.1');

/** The body, of whatever type. */
export const jsonOf = async (response: Response | Promise<Response>) =>
  JSON.parse(await (await response).text());

/** Waits until nothing is decoded any more. */
export async function idle({ admission, models }: QuickstepServer): Promise<void> {
  await expect.poll(() => admission.pending, { timeout: 20_000 }).toBe(0);
  await expect
    .poll(() => models.loaded.map((batch) => [batch.running, batch.waiting, batch.slots]), {
      timeout: 20_000,
    })
    .toEqual(models.loaded.map(() => [0, 0, 0]));
}
