/** Bodies that are refused: of another kind, broken, too deep or too long. */

import { once } from 'node:events';
import { afterAll, expect, it } from 'vitest';
import { connection, post, start } from './testing/server.ts';

const server = await start({ maxBody: 64 * 1024 });
afterAll(() => server.close());

const cases: [string, string, Record<string, string>, number, string][] = [
  ['malformed JSON', '{"model": ', {}, 400, 'invalid_json'],
  [
    'another type',
    'model=x',
    { 'content-type': 'application/x-www-form-urlencoded' },
    415,
    'unsupported_media_type',
  ],
  ['a compressed one', 'x', { 'content-encoding': 'gzip' }, 415, 'unsupported_encoding'],
  ['a list', '[]', {}, 400, 'invalid_value'],
  ['deep nesting', `{"model":${'['.repeat(5000)}${']'.repeat(5000)}}`, {}, 400, 'invalid_json'],
  ['more than the limit', `{"prompt":"${'x'.repeat(70_000)}"}`, {}, 413, 'body_too_large'],
];
it.each(cases)('%s is refused', async (_, body, headers, status, code) => {
  const response = await post(server, '/v1/completions', body, { headers });
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', code } });
});

it('50 MB are refused before they are there, with their length told beforehand or not', async () => {
  const sender = connection(server);
  let answer = '';
  sender.on('data', (data) => {
    answer += data;
  });
  const head = ['POST /v1/completions HTTP/1.1', 'host: localhost', 'content-type: application/json'];
  sender.write(`${head.join('\r\n')}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = `100000\r\n${'x'.repeat(2 ** 20)}\r\n`;
  sender.write(chunk);
  while (!answer) await once(sender, 'data');
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  // The rest is read and forgotten, so that the sender is not cut off.
  for (let i = 1; i < 50; i++) {
    if (!sender.write(chunk)) await once(sender, 'drain');
  }
  sender.destroy();
  const told = await post(server, '/v1/completions', 'x'.repeat(50 * 1024 * 1024));
  expect(told.status).toBe(413);
});
