/** The studio's files, sent as they are or compressed. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ApiError } from './api-error.ts';
import { isCurrent } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import { studioFile, studioHeaders } from './studio-files.ts';

const isText = (type: string): boolean => /^text\/|json|xml|wasm|svg/.test(type);

/** @throws ApiError 404 where the studio has nothing. */
export async function studio(exchange: Exchange): Promise<void> {
  const { req, res, url, headers } = exchange;
  const file = studioFile(url.pathname);
  const found = file && (await stat(file.path).catch(() => undefined));
  if (!file || !found?.isFile()) {
    throw new ApiError(404, 'not_found', `There is nothing at ${url.pathname.slice(0, 200)}.`);
  }
  // Packages from a registry all have the same time of change; ctime is when the file came to be here.
  const etag = `"${found.size.toString(16)}-${Math.floor(found.ctimeMs).toString(16)}"`;
  const about: Record<string, string> = {
    ...headers,
    ...studioHeaders,
    etag,
    'last-modified': found.ctime.toUTCString(),
    'content-type': file.type,
    'cache-control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: [headers.vary, 'accept-encoding'].filter(Boolean).join(', '),
  };
  if (isCurrent(req, etag, found.ctime)) {
    res.writeHead(304, about).end();
    return;
  }
  const zip = isText(file.type) && /\bgzip\b/.test(req.headers['accept-encoding'] ?? '');
  res.writeHead(
    200,
    zip ? { ...about, 'content-encoding': 'gzip' } : { ...about, 'content-length': String(found.size) },
  );
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  exchange.awaitReader();
  const source = createReadStream(file.path);
  // A reader that goes in the middle is no failure.
  const sent = zip ? pipeline(source, createGzip(), res) : pipeline(source, res);
  await sent.catch(() => res.destroy());
}
