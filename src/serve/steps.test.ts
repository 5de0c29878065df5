/** The stream of a run's own steps. */

import { afterAll, expect, it } from 'vitest';
import { generate } from '../decode/generate.ts';
import { load } from '../models/load.ts';
import { jsonOf, post, start } from './testing/server.ts';

const server = await start();
afterAll(() => server.close());

it('streams the steps of a run, with the texts of their tokens', async () => {
  await using model = await load('stories260k', { threads: 1 });
  const options = { maxTokens: 12, method: 'prompt-lookup', methodOptions: { draftTokens: 4 } };
  const prompt = 'Lily had a red ball. Lily had a red';
  const alone = await generate(model, prompt, options).result;
  const response = await post(server, '/api/steps', { model: 'stories260k', prompt, ...options });
  expect(response.headers.get('content-type')).toMatch('text/event-stream');
  const events = (await response.text())
    .trimEnd()
    .split('\n\n')
    .map((event) => {
      const [name, data] = event.split('\n');
      const value = JSON.parse(data.slice('data: '.length));
      expect(name).toBe(`event: ${value.type}`);
      return value;
    });
  const [first, ...rest] = events;
  expect(first).toMatchObject({ type: 'start', method: 'prompt-lookup', promptTokens: alone.promptTokens });
  const done = rest.pop();
  expect(done.summary).toMatchObject({ text: alone.text, finish: alone.finish, forwards: alone.forwards });
  const texts = new Map(rest.flatMap((event) => event.texts as [number, string][]));
  const tokens = rest.flatMap(({ step }) => step.committed.map(({ token }: { token: number }) => token));
  expect(tokens).toEqual(alone.tokens);
  expect(tokens.map((token) => texts.get(token)).join('')).toBe(alone.text);
  expect(rest.some(({ step }) => step.proposed.length > 0)).toBe(true);
});

it('refuses an impossible run before the first event', async () => {
  const refused = await post(server, '/api/steps', { model: 'stories260k', prompt: '', method: 'magic' });
  expect(refused.status).toBe(404);
  expect(
    (await post(server, '/api/steps', { model: 'stories260k', prompt: 'a', processors: [] })).status,
  ).toBe(400);
  const long = await post(server, '/api/steps', {
    model: 'stories260k',
    prompt: { tokens: Array(600).fill(5) },
  });
  expect([long.status, (await jsonOf(long)).error.code]).toEqual([400, 'bad_input']);
});
