/** `GET /feed.xml`: the catalogue's changes as Atom, sent whole or as "nothing new". */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { loadCatalogue } from '../papers/catalogue.ts';
import { changesFile, loadChanges } from '../papers/changes.ts';
import { feedType, renderFeed } from '../papers/feed.ts';
import { isCurrent } from './conditional.ts';
import type { Exchange } from './exchange.ts';

export async function feed(exchange: Exchange): Promise<void> {
  // When the log came to be here: its lines may be dated before what a reader has already fetched.
  const { ctime } = await stat(changesFile);
  const text = renderFeed(await loadChanges(), await loadCatalogue());
  const etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
  const about = { etag, 'last-modified': ctime.toUTCString(), 'cache-control': 'no-cache' };
  if (isCurrent(exchange.req, etag, ctime)) {
    exchange.res.writeHead(304, { ...exchange.headers, ...about }).end();
    return;
  }
  exchange.text(text, feedType, 200, about);
}
