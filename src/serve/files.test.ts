/** What the server has beside its API: the feed, and the files of the studio's addresses, asked for again and again. */

import { parseAtomFeed } from 'feedsmith';
import { afterAll, describe, expect, it } from 'vitest';
import { serve } from './server.ts';
import { studioFile } from './studio-files.ts';

const server = await serve({ port: 0, model: ['stories260k'], threads: 1, apiKey: 'secret' });
afterAll(() => server.close());

const get = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers });
const model = '/models/stories260k/config.json';

it('has a feed for readers, who have no key', async () => {
  const response = await get('/feed.xml');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/atom+xml; charset=utf-8');
  const { entries } = parseAtomFeed(await response.text());
  expect(entries!.length).toBeGreaterThan(48);
});

describe.each(['/feed.xml', model])('%s, asked for again', (path) => {
  const ask = async (headers: Record<string, string>) => (await get(path, headers)).status;

  it('is sent only when it is not what the client has', async () => {
    const { headers } = await get(path);
    const etag = headers.get('etag')!;
    const modified = headers.get('last-modified')!;
    expect(await ask({ 'if-none-match': etag })).toBe(304);
    expect(await ask({ 'if-none-match': `"other", W/${etag}` })).toBe(304);
    expect(await ask({ 'if-none-match': '*' })).toBe(304);
    expect(await ask({ 'if-none-match': '"other"' })).toBe(200);
    expect(await ask({ 'if-modified-since': modified })).toBe(304);
    expect(await ask({ 'if-modified-since': 'Mon, 01 Jan 1990 00:00:00 GMT' })).toBe(200);
    expect(await ask({ 'if-modified-since': 'yesterday' })).toBe(200);
    // Tags are exact, so that times do not count beside them.
    expect(await ask({ 'if-none-match': '"other"', 'if-modified-since': modified })).toBe(200);
  });
});

describe('the files of the studio', () => {
  it.each([
    ['/', 'dist/studio/index.html', 'text/html; charset=utf-8', false],
    ['/assets/index-abc123.js', 'dist/studio/assets/index-abc123.js', 'text/javascript; charset=utf-8', true],
    [model, 'models/stories260k/config.json', 'application/json', false],
    ['/ort/ort-wasm-simd-threaded.wasm', 'ort-wasm-simd-threaded.wasm', 'application/wasm', false],
  ])('%s is %s', (address, end, type, immutable) => {
    const file = studioFile(address);
    expect(file).toMatchObject({ type, immutable });
    expect(file!.path.replaceAll('\\', '/')).toMatch(new RegExp(`/${end}$`));
  });

  it.each([
    '/package.json/',
    '/assets/../index.html',
    '/models/../package.json',
    '/models/stories260k/../../package.json',
    '/models/.hidden/config.json',
    '/models/stories260k/README.md',
    '/models/stories260k/deep/config.json',
    '/assets/.env',
    '/ort/package.json',
    '/ort/../package.json',
    '/%69ndex.html',
    '/index.php',
    '//etc/passwd',
    '',
  ])('%j is nothing', (address) => {
    expect(studioFile(address)).toBeUndefined();
  });

  it('that are not there are told so', async () => {
    const response = await get('/assets/no-such-file.js');
    expect([response.status, await response.json()]).toMatchObject([404, { error: { code: 'not_found' } }]);
  });

  it('keeps the page to its own origin', async () => {
    const { headers } = await get(model);
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  });
});
