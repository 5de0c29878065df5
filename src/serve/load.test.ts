/** Many clients, and those who go, are slow or want too much. */

import { once } from 'node:events';
import { afterAll, expect, it } from 'vitest';
import { connection, endless, idle, jsonOf, post, start, story } from './testing/server.ts';

const server = await start();
afterAll(() => server.close());

it('refuses what does not fit, and says when to come again', async () => {
  await using small = await start({ maxPending: 2, maxRunning: 1 });
  const leave = new AbortController();
  const busy = [1, 2].map(() =>
    post(small, '/v1/completions', { ...endless, stream: true }, { signal: leave.signal }),
  );
  await expect.poll(() => small.admission.pending).toBe(2);
  const refused = await post(small, '/v1/completions', story);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error' } });
  const tooMany = await post(small, '/v1/completions', { ...story, n: 3 });
  expect(tooMany.status).toBe(400);
  leave.abort();
  await Promise.allSettled(busy);
  await idle(small);
  expect((await post(small, '/v1/completions', story)).status).toBe(200);
});

it('answers many at once as it answers one', async () => {
  const alone = await jsonOf(post(server, '/v1/completions', story));
  const answers = await Promise.all([...Array(40)].map(() => jsonOf(post(server, '/v1/completions', story))));
  expect(new Set(answers.map(({ choices }) => choices[0].text))).toEqual(new Set([alone.choices[0].text]));
  await idle(server);
});

it('frees everything when clients go, at any time', async () => {
  const gone = [...Array(200)].map(async (_, i) => {
    const leave = new AbortController();
    setTimeout(() => leave.abort(), (i * 7) % 150);
    const body = { ...endless, stream: i % 2 === 0 };
    const response = await post(server, '/v1/completions', body, { signal: leave.signal });
    await response.text();
  });
  const ends = await Promise.allSettled(gone);
  expect(ends.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(150);
  await idle(server);
});

it('ends an answer that takes too long', async () => {
  await using hasty = await start({ timeout: 0.05 });
  const late = await post(hasty, '/v1/completions', endless);
  expect([late.status, (await jsonOf(late)).error.code]).toEqual([504, 'timeout']);
  const stream = await post(hasty, '/v1/completions', { ...endless, stream: true });
  expect(await stream.text()).toMatch(/"code":"timeout"/);
  await idle(hasty);
});

it('keeps to the longest answer when none is asked for', async () => {
  await using short = await start({ maxAnswer: 3 });
  const { max_tokens: _, ...body } = endless;
  const { usage } = await jsonOf(post(short, '/v1/completions', body));
  expect(usage.completion_tokens).toBe(3);
});

it('cuts off a client that does not send', async () => {
  await using strict = await start({ readTimeout: 1 });
  const silent = connection(strict);
  silent.write('POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n');
  silent.resume();
  await once(silent, 'close');
});

it('cuts off a client that does not take a file, and none that is slow', async () => {
  await using strict = await start({ readTimeout: 1 });
  const file = '/ort/ort-wasm-simd-threaded.wasm';
  const { headers } = await fetch(strict.url + file, {
    method: 'HEAD',
    headers: { 'accept-encoding': 'identity' },
  });
  const length = Number(headers.get('content-length'));
  const ask = () => {
    const reader = connection(strict).pause();
    const read = { bytes: 0 };
    reader.on('data', (data) => {
      read.bytes += data.length;
    });
    reader.on('error', () => {});
    reader.write(`GET ${file} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    return { reader, read, closed: once(reader, 'close') };
  };
  const [deaf, slow] = [ask(), ask()];
  const taking = setInterval(() => {
    slow.reader.resume();
    setTimeout(() => slow.reader.pause(), 1);
  }, 100);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  clearInterval(taking);
  for (const { reader, closed } of [deaf, slow]) {
    reader.resume();
    await closed;
  }
  expect(deaf.read.bytes).toBeLessThan(length);
  expect(slow.read.bytes).toBeGreaterThan(length);
});

it('takes any time for reading', async () => {
  // In milliseconds it is no whole number.
  await using server = await start({ readTimeout: 16.1 });
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});
