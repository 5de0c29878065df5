/**
 * A small hub for tests: a real HTTP server with the listing and file routes of the Hugging Face hub, and switches
 * for the ways servers misbehave.
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const COMMIT = 'c0ffee'.padEnd(40, '0');

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const gitBlobId = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

export interface Behaviour {
  /** Answer 200 with everything, whatever range was asked for. */
  ignoreRange?: boolean;
  /** Honour ranges even when `If-Range` no longer matches. */
  ignoreIfRange?: boolean;
  /** Cut the connection after this many bytes of a body, this many times. */
  cutAfter?: number;
  cuts?: number;
  /** Stop sending after this many bytes but keep the connection open. */
  hangAfter?: number;
  /** Never answer at all. */
  mute?: boolean;
  /** Answer every file, or also the listing, with this status. */
  fileStatus?: number;
  listingStatus?: number;
  errorCode?: string;
  /** Answer the listing with this text. */
  listing?: string;
  etag?: string;
  /** Redirect files to this address, followed by the path. */
  redirect?: string;
}

export interface TestHub {
  endpoint: string;
  files: Map<string, Buffer>;
  behaviour: Behaviour;
  /** Requests so far. */
  requests: { path: string; headers: IncomingMessage['headers'] }[];
  close(): Promise<void>;
}

function listing(files: Map<string, Buffer>): string {
  const siblings = [...files].map(([rfilename, bytes]) => ({
    rfilename,
    size: bytes.length,
    blobId: gitBlobId(bytes),
    ...(/\.(safetensors|gguf)$/.test(rfilename)
      ? { lfs: { sha256: sha256(bytes), size: bytes.length } }
      : {}),
  }));
  return JSON.stringify({ id: 'acme/model', sha: COMMIT, siblings });
}

function sendFile(request: IncomingMessage, response: ServerResponse, hub: TestHub, bytes: Buffer): void {
  const { behaviour } = hub;
  const etag = behaviour.etag ?? `"${sha256(bytes)}"`;
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  const matches = behaviour.ignoreIfRange || condition === undefined || condition === etag;
  const from = range && matches && !behaviour.ignoreRange ? Number(range[1]) : 0;
  if (from > 0 && from >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const body = bytes.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    etag,
    'content-length': body.length,
    ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  if (behaviour.hangAfter !== undefined && behaviour.hangAfter < body.length) {
    response.write(body.subarray(0, behaviour.hangAfter));
  } else if (
    behaviour.cutAfter !== undefined &&
    (behaviour.cuts ?? 1) > 0 &&
    body.length > behaviour.cutAfter
  ) {
    behaviour.cuts = (behaviour.cuts ?? 1) - 1;
    response.write(body.subarray(0, behaviour.cutAfter), () => setTimeout(() => response.destroy(), 50));
  } else {
    response.end(body);
  }
}

function answer(request: IncomingMessage, response: ServerResponse, hub: TestHub): void {
  const { behaviour, files, requests } = hub;
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
  requests.push({ path, headers: request.headers });
  if (behaviour.mute) return;
  const isListing = path.startsWith('/api/models/');
  const status = isListing ? behaviour.listingStatus : behaviour.fileStatus;
  if (status !== undefined) {
    response.writeHead(status, behaviour.errorCode ? { 'x-error-code': behaviour.errorCode } : {}).end();
  } else if (isListing) {
    response.end(behaviour.listing ?? listing(files));
  } else if (behaviour.redirect) {
    response.writeHead(302, { location: `${behaviour.redirect}${path}` }).end();
  } else {
    const bytes = files.get(path.split('/').slice(5).join('/'));
    if (bytes) sendFile(request, response, hub, bytes);
    else response.writeHead(404).end();
  }
}

/** Starts a hub on a free local port. Files are served at `/acme/model/resolve/<commit>/<name>`. */
export async function startHub(files: Record<string, Buffer>): Promise<TestHub> {
  const server = createServer((request, response) => answer(request, response, hub));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const hub: TestHub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files: new Map(Object.entries(files)),
    behaviour: {},
    requests: [],
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  return hub;
}
