/** Request bodies: bounded before they are kept, and JSON of bounded depth. */

import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { ApiError, invalidBody } from './api-error.ts';

/** Deeper nesting is refused, so that nobody who walks a body runs out of stack. */
const maxDepth = 64;

/**
 * Reads and checks a JSON body.
 * @throws ApiError 413 for more than `maxBytes`, 415 for another type, 400 for broken JSON or what the schema refuses
 */
export async function readBody<T>(req: IncomingMessage, maxBytes: number, schema: z.ZodType<T>): Promise<T> {
  const type = req.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new ApiError(
      415,
      'unsupported_media_type',
      'Send JSON, with the header content-type: application/json.',
    );
  }
  if ((req.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new ApiError(415, 'unsupported_encoding', 'Compressed bodies are not read.');
  }
  const text = await readText(req, maxBytes);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, 'invalid_json', `The body is not JSON: ${(error as Error).message}.`);
  }
  checkDepth(json);
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw invalidBody(parsed.error);
  return parsed.data;
}

/** Most bytes of a refused body that are read, and forgotten, so that its sender gets to hear of the refusal. */
const maxDiscarded = 64 * 1024 * 1024;

function readText(req: IncomingMessage, maxBytes: number): Promise<string> {
  const tooLong = () => new ApiError(413, 'body_too_large', `The body is longer than ${maxBytes} bytes.`);
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLong());
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else {
        chunks = [];
        reject(tooLong());
      }
    });
    req.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    req.on('close', () =>
      reject(new ApiError(499, 'client_gone', 'The client went before its request was whole.')),
    );
    req.on('error', () => {});
  });
}

/** Lets what is left of a body pass unread, up to a point where the connection is cut. */
export function discardRest(req: IncomingMessage): void {
  if (req.complete || req.destroyed) return;
  let bytes = 0;
  req.on('error', () => {});
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxDiscarded) req.destroy();
  });
}

function checkDepth(json: unknown): void {
  let level = [json];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth)
      throw new ApiError(400, 'invalid_json', `The body is nested more than ${maxDepth} deep.`);
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
}
