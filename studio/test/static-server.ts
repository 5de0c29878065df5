/** The studio's files and headers over HTTP and nothing else: no API, as any file server would. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { studioFile, studioHeaders } from '../../src/serve/studio-files.ts';

export interface StaticServer {
  origin: string;
  close(): Promise<void>;
}

export async function serveStatic(): Promise<StaticServer> {
  const server = createServer(async ({ url = '/' }, response) => {
    // What the page asks to learn whether there is more than files.
    if (url === '/api/models') return void response.writeHead(200, studioHeaders).end();
    const file = studioFile(new URL(url, 'http://localhost').pathname);
    const body = file && (await readFile(file.path).catch(() => undefined));
    if (!body) return void response.writeHead(404, studioHeaders).end();
    response.writeHead(200, { ...studioHeaders, 'content-type': file.type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
