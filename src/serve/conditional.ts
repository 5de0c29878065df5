/** Conditional requests (RFC 9110, section 13): whether what a client has is still what it would get. */

import type { IncomingMessage } from 'node:http';

/** @param etag strong, in quotes @param modified compared by whole seconds, and only where no tags are named */
export function isCurrent({ headers }: IncomingMessage, etag: string, modified: Date): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) {
    return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
  }
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return Math.floor(modified.getTime() / 1000) * 1000 <= since;
}
