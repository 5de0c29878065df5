/** The models that a server has: all on this machine, or those that were named. */

import { NotFoundError } from 'openai';
import { expect, it } from 'vitest';
import { client } from '../testing/openai.ts';
import { jsonOf, post, start, story } from '../testing/server.ts';

it('lists those on this machine and finds one', async () => {
  const ids = (await client.models.list()).data.map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(['house-causal', 'house-diffusion', 'stories260k']));
  expect(await client.models.retrieve('house-causal')).toMatchObject({
    id: 'house-causal',
    object: 'model',
  });
  await expect(client.models.retrieve('a/b')).rejects.toBeInstanceOf(NotFoundError);
});

it('serves the named models only', async () => {
  await using server = await start();
  const refused = await post(server, '/v1/completions', { ...story, model: 'house-causal' });
  expect(refused.status).toBe(404);
  const { data } = await jsonOf(fetch(`${server.url}/v1/models`));
  expect(data.map(({ id }: { id: string }) => id)).toEqual(['stories260k']);
});
