/**
 * Who may ask. A server on localhost is reachable by every web page its user opens, so that a request must be addressed
 * to this server by a name that only it can have (against DNS rebinding), and one that a page sends must come from an
 * origin that was allowed. The optional key is compared in constant time.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { QuickstepError } from '../errors.ts';
import { ApiError } from './api-error.ts';

export interface GuardOptions {
  apiKey?: string;
  allowHost: readonly string[];
  allowOrigin: readonly string[];
}

/** Host without port and brackets. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](:\d+)?$/.exec(host);
  return (bracketed ? bracketed[1] : host.replace(/:\d*$/, '')).toLowerCase();
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #key: Buffer | undefined;

  /** @throws QuickstepError 'bad-option' for an empty key, which a request without one would have. */
  constructor({ apiKey, allowHost, allowOrigin }: GuardOptions) {
    if (apiKey === '') {
      throw new QuickstepError('bad-option', 'The API key is empty.', 'Leave it out to ask for none.');
    }
    this.#hosts = new Set(allowHost.map((host) => host.toLowerCase()));
    this.#origins = new Set(allowOrigin.map((origin) => origin.replace(/\/$/, '').toLowerCase()));
    this.#key = apiKey === undefined ? undefined : digest(apiKey);
  }

  /**
   * Checks where a request was addressed to and where it comes from.
   * @returns the headers that let a page of an allowed foreign origin read the answer
   * @throws ApiError 403
   */
  checkOrigin({ headers }: IncomingMessage): Record<string, string> {
    const host = headers.host ?? '';
    const name = hostName(host);
    // An address is no name that somebody else could point here.
    if (name !== 'localhost' && !name.endsWith('.localhost') && !isIP(name) && !this.#hosts.has(name)) {
      throw new ApiError(
        403,
        'host_not_allowed',
        `Requests to the host ${JSON.stringify(name)} are not answered. Start the server with --allow-host to change that.`,
      );
    }
    const origin = headers.origin?.toLowerCase();
    if (origin === undefined) return {};
    if (origin === `http://${host.toLowerCase()}` || origin === `https://${host.toLowerCase()}`) return {};
    if (!this.#origins.has(origin)) {
      throw new ApiError(
        403,
        'origin_not_allowed',
        `Pages of ${JSON.stringify(headers.origin)} may not use this server. Start it with --allow-origin to change that.`,
      );
    }
    return { 'access-control-allow-origin': headers.origin!, vary: 'origin' };
  }

  /** @throws ApiError 401 when a key is set and the request has not got it. */
  checkKey({ headers }: IncomingMessage): void {
    if (!this.#key) return;
    const [, key = ''] = /^Bearer +(.*)$/i.exec(headers.authorization ?? '') ?? [];
    if (timingSafeEqual(digest(key), this.#key)) return;
    const challenge = { 'www-authenticate': 'Bearer' };
    throw new ApiError(401, 'invalid_api_key', 'The API key is missing or wrong.', { headers: challenge });
  }
}

/** What an allowed page may do, for the browser's question beforehand; clients in pages send headers of their own. */
export const preflightHeaders = ({ headers }: IncomingMessage): Record<string, string> => ({
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': headers['access-control-request-headers'] ?? 'authorization, content-type',
  'access-control-max-age': '600',
});
