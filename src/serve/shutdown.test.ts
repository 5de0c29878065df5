/** How a server begins and ends: answers under way, what is left after the time of grace, ports that are taken. */

import { expect, it } from 'vitest';
import { endless, jsonOf, post, start } from './testing/server.ts';

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

it('says that a port is taken', async () => {
  await using server = await start();
  const port = Number(new URL(server.url).port);
  await expect(start({ port })).rejects.toMatchObject({ code: 'busy' });
  await expect(start({ port: 70_000 })).rejects.toMatchObject({ code: 'bad-option' });
});
