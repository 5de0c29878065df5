/** How a server begins and ends: answers under way, what is left after the time of grace, ports that are taken. */

import { once } from 'node:events';
import { expect, it } from 'vitest';
import { connection, endless, jsonOf, post, start } from './testing/server.ts';

it('lets answers under way finish and takes no new ones', async () => {
  const closing = await start({ grace: 30 });
  const { url } = closing;
  const body = { ...endless, max_tokens: 60 };
  const under = post(closing, '/v1/completions', body);
  await expect.poll(() => closing.admission.pending).toBe(1);
  const closed = closing.close();
  const finished = await jsonOf(under);
  expect(finished.usage.completion_tokens).toBe(60);
  await closed;
  await expect(fetch(`${url}/health`)).rejects.toThrow();
});

it('ends what is left when the time of grace is over', async () => {
  const closing = await start({ grace: 0.05 });
  const under = post(closing, '/v1/completions', endless);
  await expect.poll(() => closing.admission.pending).toBe(1);
  const closed = closing.close();
  const cut = await under;
  expect([cut.status, (await jsonOf(cut)).error.code]).toEqual([503, 'closing']);
  await closed;
});

it('does not wait for connections that answers have come over', async () => {
  const closing = await start({ grace: 30 });
  const under = post(closing, '/v1/completions', { ...endless, max_tokens: 60 });
  await expect.poll(() => closing.admission.pending).toBe(1);
  const closed = closing.close();
  await (await under).text();
  const answered = performance.now();
  await closed;
  expect(performance.now() - answered).toBeLessThan(1000);
});

it('does not wait for connections without a request', async () => {
  const closing = await start({ grace: 30 });
  const silent = connection(closing).resume();
  await once(silent, 'connect');
  await fetch(`${closing.url}/health`);
  const started = performance.now();
  await closing.close();
  expect(performance.now() - started).toBeLessThan(1000);
});

it('leaves no connection open, not even of a request that never becomes whole', async () => {
  const closing = await start({ grace: 0.1 });
  const half = connection(closing);
  half.on('error', () => {});
  half.write('POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n');
  half.write('content-length: 9\r\n\r\n{');
  half.resume();
  const cut = once(half, 'close').then(() => 'cut');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await closing.close();
  const late = new Promise((resolve) => setTimeout(() => resolve('open'), 500));
  expect(await Promise.race([cut, late])).toBe('cut');
  half.destroy();
});

it('says that a port is taken', async () => {
  await using server = await start();
  const port = Number(new URL(server.url).port);
  await expect(start({ port })).rejects.toMatchObject({ code: 'busy' });
  await expect(start({ port: 70_000 })).rejects.toMatchObject({ code: 'bad-option' });
});
