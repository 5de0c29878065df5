/**
 * Fetches one file over HTTP into a verified local file, resuming where an earlier try stopped.
 * Resume follows RFC 9110: `Range` from the present length with `If-Range` on a strong etag; a 200 (range ignored or
 * file changed), a different etag or a different start begin again from zero.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { QuickstepError } from '../errors.ts';
import { isVerified, PartialFile, type Promised } from './fetch-partial.ts';
import { type HttpOptions, type HttpReply, httpGet } from './fetch-request.ts';

export interface FetchFileOptions extends HttpOptions, Promised {
  /** Called with the bytes present so far; it starts above zero when resuming. */
  onBytes?: (loaded: number) => void;
  /** Builds the error for a status other than 200 and 206. */
  onStatus?: (reply: HttpReply) => QuickstepError;
  /** How often an answer that broke off is picked up again. Default 5. */
  retries?: number;
}

const isStrong = (etag: string | undefined): etag is string => etag?.startsWith('"') ?? false;

/** Start of a `Content-Range: bytes a-b/total` header. */
function rangeStart(reply: HttpReply): number | undefined {
  const match = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(reply.headers.get('content-range') ?? '');
  return match ? Number(match[1]) : undefined;
}

function statusError(url: string, reply: HttpReply): QuickstepError {
  return new QuickstepError('offline', `${new URL(url).host} answered ${reply.status}.`);
}

async function startReply(url: string, file: PartialFile, options: FetchFileOptions): Promise<HttpReply> {
  const from = file.length;
  const headers: Record<string, string> = { ...options.headers };
  if (from > 0) headers.range = `bytes=${from}-`;
  if (from > 0 && isStrong(file.etag)) headers['if-range'] = file.etag;
  const reply = await httpGet(url, { ...options, headers });
  const etag = reply.headers.get('etag') ?? undefined;

  const continues = reply.status === 206 && from > 0 && rangeStart(reply) === from && etag === file.etag;
  if (continues) return reply;
  if (reply.status === 200) {
    await file.restart();
    await file.setEtag(etag);
    return reply;
  }
  reply.close();
  if (from > 0 && (reply.status === 206 || reply.status === 416)) {
    // Another part or another version than the one we hold: ask again, now without a range.
    await file.restart();
    return startReply(url, file, options);
  }
  throw options.onStatus?.(reply) ?? statusError(url, reply);
}

/** One request and its body. @returns the error that ended an answer early, if one did. */
async function attempt(url: string, file: PartialFile, options: FetchFileOptions): Promise<unknown> {
  if (file.length > 0 && file.length === options.size) return undefined;
  const reply = await startReply(url, file, options);
  options.onBytes?.(file.length);
  try {
    for await (const chunk of reply.chunks()) {
      await file.append(chunk);
      options.onBytes?.(file.length);
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * Brings `url` to `target`. A target that already has the promised checksum is left alone.
 * @throws QuickstepError `offline`, `checksum`, `no-space`, or whatever `onStatus` builds; the signal's reason when
 *   aborted. Except after a checksum failure the partial stays, and a later call resumes it.
 */
export async function fetchFile(url: string, target: string, options: FetchFileOptions = {}): Promise<void> {
  if (await isVerified(target, options)) {
    options.onBytes?.(options.size ?? 0);
    return;
  }
  const file = await PartialFile.open(target, options);
  const { signal, retries = 5 } = options;
  try {
    for (let tried = 0; ; tried++) {
      const before = file.length;
      const error = await attempt(url, file, options);
      if (error === undefined) break;
      // Silence has no cause; a cut connection has one, and may swallow bytes that had already arrived.
      const broken = QuickstepError.isInstance(error) && error.code === 'offline';
      const worthwhile = broken && (file.length > before || error.cause !== undefined);
      if (!worthwhile || signal?.aborted || tried >= retries) throw error;
      await sleep(Math.min(250 * 2 ** tried, 4_000), undefined, { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
    await file.finish();
  } finally {
    await file.close();
  }
}
