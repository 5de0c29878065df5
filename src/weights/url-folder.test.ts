/** Folders at an address: what is there is read whole, what is not is told from what cannot be reached. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { foldersAt, urlFolder } from './url-folder.ts';

const files: Record<string, string> = { '/models/a/config.json': '{"x":1}', '/models/a/weights': 'abcdefgh' };
let server: Server;
let base: URL;

beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    if (url.includes('broken')) response.writeHead(500).end();
    else if (files[url] === undefined) response.writeHead(404).end('<html>');
    else response.writeHead(200, { 'content-length': files[url].length }).end(files[url]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/models/`);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

it('reads texts, and files by position, and says how far it is', async () => {
  const seen: unknown[] = [];
  const folder = urlFolder(new URL('a/', base), { onProgress: (progress) => seen.push(progress) });
  expect(await folder.text('config.json')).toBe('{"x":1}');
  const file = await folder.open('weights');
  expect(new TextDecoder().decode(await file.bytes(2, 3))).toBe('cde');
  await expect(file.bytes(6, 3)).rejects.toMatchObject({ code: 'bad-file' });
  expect(seen).toContainEqual({ name: 'weights', received: 8, total: 8 });
  await file.close();
  await expect(file.bytes(0, 1)).rejects.toMatchObject({ code: 'disposed' });
});

it('tells a file that is not there from a server that fails or is not there', async () => {
  const folder = urlFolder(new URL('a/', base));
  expect(await folder.text('none.json')).toBeUndefined();
  await expect(folder.open('none')).rejects.toMatchObject({ code: 'not-found' });
  await expect(folder.text('broken')).rejects.toMatchObject({ code: 'offline' });
  const gone = urlFolder(new URL('http://127.0.0.1:1/'));
  await expect(gone.text('x')).rejects.toMatchObject({ code: 'offline' });
  await expect(
    urlFolder(new URL('a/', base), { signal: AbortSignal.abort(new Error('stop')) }).text('weights'),
  ).rejects.toThrow('stop');
});

it('finds neighbours by plain names only', async () => {
  const find = foldersAt(base);
  expect((await find('a', 'config.json'))?.path).toBe(new URL('a', base).href);
  expect(await find('a', 'other.json')).toBeUndefined();
  expect(await find('b', 'config.json')).toBeUndefined();
  expect(await find('../models/a', 'config.json')).toBeUndefined();
});
