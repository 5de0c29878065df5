/** Which addresses there are, and what is told at those that pages and monitors ask. */

import { afterAll, expect, it } from 'vitest';
import { jsonOf, post, raw, start, story } from './testing/server.ts';

const server = await start();
afterAll(() => server.close());

it('tells a wrong address from a wrong method', async () => {
  expect((await fetch(`${server.url}/v1/nothing`)).status).toBe(404);
  const wrong = await fetch(`${server.url}/v1/completions`);
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  for (const path of [
    '/../package.json',
    '/assets/..%2f..%2fpackage.json',
    '/models/../package.json',
    '/%00',
    '/v1/models/%E0%A4',
    '//',
    '//a:99999',
  ]) {
    const { status, text } = await raw(server, path);
    expect([path, status, JSON.parse(text).error.type]).toEqual([path, 404, 'invalid_request_error']);
  }
});

const get = (path: string) => jsonOf(fetch(server.url + path));

it('tells models, methods, papers and proofs', async () => {
  const { models } = await get('/api/models');
  expect(models).toMatchObject([
    { id: 'stories260k', state: 'house', loaded: true, chat: false, contextLength: 512 },
  ]);
  const { methods, samplingOptions } = await get('/api/methods');
  const diffusion = methods.find(({ slug }: { slug: string }) => slug === 'diffusion');
  expect(diffusion.options.properties.steps).toHaveProperty('description');
  expect(samplingOptions.properties.topP).toMatchObject({ minimum: 0, maximum: 1 });
  const { papers, families } = await get('/api/papers');
  expect(papers).toHaveLength(48);
  expect(families).toHaveProperty(papers[0].family);
  const found = await get('/api/papers?q=coherent%20adaptive');
  expect(found.papers.map(({ slug }: { slug: string }) => slug)).toContain('ccd');
  const { proofs } = await get('/api/proofs');
  expect(proofs.find(({ slug }: { slug: string }) => slug === 'ccd')).toMatchObject({
    model: 'house-diffusion',
  });
});

it('counts for Prometheus', async () => {
  await post(server, '/v1/completions', { ...story, max_tokens: 3 });
  const text = await (await fetch(`${server.url}/metrics`)).text();
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+)$/);
  }
  expect(text).toMatch(/quickstep_requests_total\{route="\/v1\/completions",status="200"\} \d+/);
  expect(text).toMatch(/quickstep_tokens_total\{model="stories260k",kind="answer"\} \d+/);
  expect(text).toMatch(/quickstep_slots\{model="stories260k"\} 0/);
  expect(text).not.toMatch(/NaN|undefined/);
});
