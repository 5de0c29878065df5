/** What the server does for those who mean no good, have bad luck or go away: limits, refusals, ends. Plain HTTP. */

import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { generate } from '../decode/generate.ts';
import { load } from '../models/load.ts';
import { EventStream, WritePace } from './event-stream.ts';
import { type QuickstepServer, type ServeOptions, serve } from './server.ts';

const failures: unknown[] = [];
const start = (options: ServeOptions = {}): Promise<QuickstepServer> =>
  serve({
    port: 0,
    threads: 1,
    model: ['stories260k'],
    onError: (error) => failures.push(error),
    ...options,
  });
const server = await start({ maxBody: 64 * 1024, allowOrigin: ['https://friend.example'] });
afterAll(async () => {
  await server.close();
  expect(failures).toEqual([]);
});

const story = { model: 'stories260k', prompt: 'Once upon a time', max_tokens: 8 };
const endless = { ...story, max_tokens: 400, quickstep: { ignoreEos: true } };

function post(
  path: string,
  body: unknown,
  { url = server.url, ...init }: RequestInit & { url?: string } = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(url + path, {
    method: 'POST',
    body: text,
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  });
}

/** A request with headers that `fetch` does not let one set. */
async function raw(path: string, options: RequestOptions, { url } = server) {
  const req = httpRequest(url + path, options);
  req.end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of res) text += chunk;
  return { status: res.statusCode, headers: res.headers, text };
}

/** The body, of whatever type. */
const jsonOf = async (response: Response | Promise<Response>) => JSON.parse(await (await response).text());

/** Waits until nothing is decoded any more. */
async function idle({ admission, models }: QuickstepServer): Promise<void> {
  await expect.poll(() => admission.pending, { timeout: 20_000 }).toBe(0);
  await expect
    .poll(() => models.loaded.map((batch) => [batch.running, batch.waiting, batch.slots]), {
      timeout: 20_000,
    })
    .toEqual(models.loaded.map(() => [0, 0, 0]));
}

describe('bodies', () => {
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
    const response = await post('/v1/completions', body, { headers });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', code } });
  });

  it('50 MB are refused before they are there, with their length told beforehand or not', async () => {
    const { port } = new URL(server.url);
    const sender = connect(Number(port), '127.0.0.1');
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
    const told = await post('/v1/completions', 'x'.repeat(50 * 1024 * 1024));
    expect(told.status).toBe(413);
  });
});

describe('who may ask', () => {
  it('answers localhost and addresses only, so that no name can be pointed here', async () => {
    const status = async (host: string) => (await raw('/health', { headers: { host } })).status;
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
    expect((await raw('/health', { headers: { host: 'box.example:9000' } }, named)).status).toBe(200);
  });

  it('answers pages of its own and of allowed origins only', async () => {
    const host = new URL(server.url).host;
    const from = (origin: string, method = 'GET') => raw('/v1/models', { method, headers: { host, origin } });
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

  it('serves the named models only', async () => {
    const refused = await post('/v1/completions', { ...story, model: 'house-causal' });
    expect(refused.status).toBe(404);
    const { data } = await jsonOf(fetch(`${server.url}/v1/models`));
    expect(data.map(({ id }: { id: string }) => id)).toEqual(['stories260k']);
  });

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
      const { status, text } = await raw(path, {});
      expect([path, status, JSON.parse(text).error.type]).toEqual([path, 404, 'invalid_request_error']);
    }
  });
});

describe('load', () => {
  it('refuses what does not fit, and says when to come again', async () => {
    await using small = await start({ maxPending: 2, maxRunning: 1 });
    const leave = new AbortController();
    const busy = [1, 2].map(() =>
      post('/v1/completions', { ...endless, stream: true }, { url: small.url, signal: leave.signal }),
    );
    await expect.poll(() => small.admission.pending).toBe(2);
    const refused = await post('/v1/completions', story, { url: small.url });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error' } });
    const tooMany = await post('/v1/completions', { ...story, n: 3 }, { url: small.url });
    expect(tooMany.status).toBe(400);
    leave.abort();
    await Promise.allSettled(busy);
    await idle(small);
    expect((await post('/v1/completions', story, { url: small.url })).status).toBe(200);
  });

  it('answers many at once as it answers one', async () => {
    const alone = await jsonOf(post('/v1/completions', story));
    const answers = await Promise.all([...Array(40)].map(() => jsonOf(post('/v1/completions', story))));
    expect(new Set(answers.map(({ choices }) => choices[0].text))).toEqual(new Set([alone.choices[0].text]));
    await idle(server);
  });

  it('frees everything when clients go, at any time', async () => {
    const gone = [...Array(200)].map(async (_, i) => {
      const leave = new AbortController();
      setTimeout(() => leave.abort(), (i * 7) % 150);
      const body = { ...endless, stream: i % 2 === 0 };
      const response = await post('/v1/completions', body, { signal: leave.signal });
      await response.text();
    });
    const ends = await Promise.allSettled(gone);
    expect(ends.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(150);
    await idle(server);
  });

  it('ends an answer that takes too long', async () => {
    await using hasty = await start({ timeout: 0.05 });
    const late = await post('/v1/completions', endless, { url: hasty.url });
    expect([late.status, (await jsonOf(late)).error.code]).toEqual([504, 'timeout']);
    const stream = await post('/v1/completions', { ...endless, stream: true }, { url: hasty.url });
    expect(await stream.text()).toMatch(/"code":"timeout"/);
    await idle(hasty);
  });

  it('cuts off a client that does not send', async () => {
    await using strict = await start({ readTimeout: 1 });
    const { port } = new URL(strict.url);
    const silent = connect(Number(port), '127.0.0.1');
    silent.write('POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n');
    silent.resume();
    await once(silent, 'close');
  });

  it('leaves a slow reader its time, and cuts it off after it', async () => {
    let sent: Promise<boolean> | undefined;
    const events = createServer((_, res) => {
      const stream = new EventStream(res, {}, 0.3, new WritePace());
      sent = (async () => {
        for (let i = 0; i < 64; i++) await stream.send('x'.repeat(2 ** 20));
        return res.destroyed;
      })();
    });
    events.listen(0, '127.0.0.1');
    await once(events, 'listening');
    const deaf = connect((events.address() as AddressInfo).port, '127.0.0.1');
    deaf.pause();
    deaf.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(events, 'request');
    expect(await sent).toBe(true);
    deaf.destroy();
    events.close();
  });
});

describe('the end', () => {
  it('lets answers under way finish and takes no new ones', async () => {
    const closing = await start({ grace: 30 });
    const { url } = closing;
    const body = { ...endless, max_tokens: 60 };
    const under = post('/v1/completions', body, { url: closing.url });
    await expect.poll(() => closing.admission.pending).toBe(1);
    const closed = closing.close();
    const finished = await jsonOf(under);
    expect(finished.usage.completion_tokens).toBe(60);
    await closed;
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('ends what is left when the time of grace is over', async () => {
    const closing = await start({ grace: 0.05 });
    const under = post('/v1/completions', endless, { url: closing.url });
    await expect.poll(() => closing.admission.pending).toBe(1);
    const closed = closing.close();
    const cut = await under;
    expect([cut.status, (await jsonOf(cut)).error.code]).toEqual([503, 'closing']);
    await closed;
  });

  it('says that a port is taken', async () => {
    const port = Number(new URL(server.url).port);
    await expect(start({ port })).rejects.toMatchObject({ code: 'busy' });
    await expect(start({ port: 70_000 })).rejects.toMatchObject({ code: 'bad-option' });
  });
});

describe('pages', () => {
  const get = (path: string) => jsonOf(fetch(server.url + path));

  it('streams the steps of a run, with the texts of their tokens', async () => {
    await using model = await load('stories260k', { threads: 1 });
    const options = { maxTokens: 12, method: 'prompt-lookup', methodOptions: { draftTokens: 4 } };
    const prompt = 'Lily had a red ball. Lily had a red';
    const alone = await generate(model, prompt, options).result;
    const response = await post('/api/steps', { model: 'stories260k', prompt, ...options });
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
    const refused = await post('/api/steps', { model: 'stories260k', prompt: '', method: 'magic' });
    expect(refused.status).toBe(404);
    expect((await post('/api/steps', { model: 'stories260k', prompt: 'a', processors: [] })).status).toBe(
      400,
    );
    const long = await post('/api/steps', { model: 'stories260k', prompt: { tokens: Array(600).fill(5) } });
    expect([long.status, (await jsonOf(long)).error.code]).toEqual([400, 'bad_input']);
  });

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
    await post('/v1/completions', { ...story, max_tokens: 3 });
    const text = await (await fetch(`${server.url}/metrics`)).text();
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+)$/);
    }
    expect(text).toMatch(/quickstep_requests_total\{route="\/v1\/completions",status="200"\} \d+/);
    expect(text).toMatch(/quickstep_tokens_total\{model="stories260k",kind="answer"\} \d+/);
    expect(text).toMatch(/quickstep_slots\{model="stories260k"\} 0/);
    expect(text).not.toMatch(/NaN|undefined/);
  });
});
