/** Who may ask: by which name, from which pages, with which key. */

import { afterAll, expect, it } from 'vitest';
import { raw, start } from './testing/server.ts';

const server = await start({ allowOrigin: ['https://friend.example'] });
afterAll(() => server.close());

it('answers localhost and addresses only, so that no name can be pointed here', async () => {
  const status = async (host: string) => (await raw(server, '/health', { headers: { host } })).status;
  for (const host of ['localhost', 'LOCALHOST:8013', '127.0.0.1:1', '[::1]:8013', '192.168.1.5']) {
    expect([host, await status(host)]).toEqual([host, 200]);
  }
  for (const host of [
    'evil.example',
    'evil.example:8013',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
  ]) {
    expect([host, await status(host)]).toEqual([host, 403]);
  }
  await using named = await start({ allowHost: ['Box.example'] });
  expect((await raw(named, '/health', { headers: { host: 'box.example:9000' } })).status).toBe(200);
});

it('answers pages of its own and of allowed origins only', async () => {
  const host = new URL(server.url).host;
  const from = (origin: string, method = 'GET') =>
    raw(server, '/v1/models', { method, headers: { host, origin } });
  expect((await from(`http://${host}`)).status).toBe(200);
  const friend = await from('https://friend.example');
  expect([friend.status, friend.headers['access-control-allow-origin']]).toEqual([
    200,
    'https://friend.example',
  ]);
  const preflight = await from('https://friend.example', 'OPTIONS');
  expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([204, 'GET, POST']);
  for (const origin of [
    'https://evil.example',
    'null',
    'http://localhost:1',
    'https://friend.example.evil',
  ]) {
    const refused = await from(origin);
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([403, undefined]);
    expect((await from(origin, 'OPTIONS')).status).toBe(403);
  }
});

it('lets pages of allowed origins send the headers that they ask for, as clients in browsers have some of their own', async () => {
  const headers = {
    origin: 'https://friend.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
  };
  const preflight = await raw(server, '/v1/chat/completions', { method: 'OPTIONS', headers });
  expect(preflight.headers['access-control-allow-headers']).toBe(headers['access-control-request-headers']);
});

it('keeps answers for one origin from being cached for another', async () => {
  for (const path of ['/models/stories260k/config.json', '/v1/models']) {
    const { headers } = await raw(server, path, { headers: { origin: 'https://friend.example' } });
    expect(headers.vary).toContain('origin');
  }
});

it('takes no empty key, which everybody would have', async () => {
  await expect(start({ apiKey: '' })).rejects.toMatchObject({ code: 'bad-option' });
});

it('asks for the key where one is set', async () => {
  await using locked = await start({ apiKey: 'sesame' });
  const status = async (authorization?: string) =>
    (await fetch(`${locked.url}/v1/models`, { headers: authorization ? { authorization } : {} })).status;
  expect(await status()).toBe(401);
  expect(await status('Bearer sesam')).toBe(401);
  expect(await status('sesame')).toBe(401);
  expect(await status('Bearer sesame')).toBe(200);
  expect((await fetch(`${locked.url}/metrics`)).status).toBe(401);
  expect((await fetch(`${locked.url}/health`)).status).toBe(200);
});
