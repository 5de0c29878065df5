import { appendFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generate } from '../decode/generate.ts';
import { loadStories } from '../decode/testing/models.ts';
import { batchLimits, errorsPathOf, runBatchFile } from './batch-file.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-batch-'));
const template = "{% for message in messages %}{{ message['content'] }}{% endfor %}";
const model = await loadStories('w8a8', { chatTemplate: template });
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

let files = 0;
async function paths(lines: readonly (object | string)[]) {
  const input = join(folder, `in-${++files}.jsonl`);
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  await writeFile(input, `${text.join('\n')}\n`);
  const output = join(folder, `out-${files}.jsonl`);
  return { input, output, errors: errorsPathOf(output) };
}

const chat = (id: string, content: unknown, body: object = {}) => ({
  ...{ custom_id: id, method: 'POST', url: '/v1/chat/completions' },
  body: { model: 'any', messages: [{ role: 'user', content }], temperature: 0, max_tokens: 8, ...body },
});
const text = (id: string, prompt: unknown, body: object = {}) => ({
  ...{ custom_id: id, method: 'POST', url: '/v1/completions' },
  body: { prompt, temperature: 0, max_tokens: 6, ...body },
});

const linesOf = async (path: string) =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe('runBatchFile', () => {
  it('answers in the format of the endpoints', async () => {
    const { input, output } = await paths([
      chat('a', 'Once upon a time'),
      '',
      chat(
        'b',
        [
          { type: 'text', text: 'Lily ' },
          { type: 'text', text: 'saw' },
        ],
        { max_completion_tokens: 3 },
      ),
      text('c', 'Tom had', { stop: 'a', user: 'me' }),
      text('d', [1, 403, 407], { temperature: undefined, max_tokens: undefined }),
      text('e', [1, 403, 407], { temperature: undefined, max_tokens: undefined }),
      chat('f', 'The dog', { response_format: { type: 'json_object' }, max_tokens: 40 }),
    ]);
    const summary = await runBatchFile(model, input, output);
    expect(summary).toMatchObject({ requests: 6, answered: 6, failed: 0, resumed: 0 });
    const lines = await linesOf(output);
    const body = (id: string) => lines.find(({ custom_id }) => custom_id === id).response.body;
    const message = { role: 'user', content: 'Once upon a time' };
    const a = await generate(model, [message], { maxTokens: 8 }).result;
    const id = lines.find(({ custom_id }) => custom_id === 'a').id;
    expect(lines.find(({ custom_id }) => custom_id === 'a')).toEqual({
      ...{ id, custom_id: 'a', error: null },
      response: {
        status_code: 200,
        request_id: id,
        body: {
          id: `chatcmpl-${id}`,
          object: 'chat.completion',
          created: expect.any(Number),
          model: 'stories260k',
          choices: [
            {
              index: 0,
              message: { role: 'assistant', content: a.text },
              logprobs: null,
              finish_reason: 'length',
            },
          ],
          usage: { prompt_tokens: a.promptTokens, completion_tokens: 8, total_tokens: a.promptTokens + 8 },
        },
      },
    });
    expect(body('b').usage.completion_tokens).toBe(3);
    expect(body('c')).toMatchObject({ object: 'text_completion', choices: [{ finish_reason: 'stop' }] });
    expect(body('c').choices[0].text).not.toContain('a');
    expect(body('d').usage.completion_tokens).toBe(16);
    // The line is the seed.
    expect(body('d').choices[0].text).not.toBe(body('e').choices[0].text);
    expect(body('f').choices[0].message.content).toMatch(/^\s*\{/);
  });

  it('gives each wrong line an error and stops no other', async () => {
    const { input, output, errors } = await paths([
      '{"custom_id": ',
      text('good', 'Once'),
      { ...text('method', 'Once'), method: 'GET' },
      { ...text('url', 'Once'), url: '/v1/embeddings' },
      text('unknown', 'Once', { tools: [] }),
      text('range', 'Once', { temperature: 9 }),
      text('good', 'again'),
      text('n', 'Once', { n: 2 }),
      text('token', [999_999]),
      text('long', 'word '.repeat(2000)),
      chat('role', 'x', { messages: [] }),
      '[1]',
      'null',
      text('penalty', 'Once', { logit_bias: { x: 1 } }),
      `{"custom_id":"big","pad":"${'x'.repeat(batchLimits.lineBytes)}"}`,
      text('also good', 'Tom'),
    ]);
    expect(await runBatchFile(model, input, output)).toMatchObject({ requests: 16, answered: 2, failed: 14 });
    expect((await linesOf(output)).map(({ custom_id }) => custom_id).toSorted()).toEqual([
      'also good',
      'good',
    ]);
    const found = (await linesOf(errors)).map(({ custom_id, response, error }) => {
      expect(response).toBeNull();
      return [custom_id, error.code, error.message];
    });
    const invalid = 'invalid_request';
    expect(found.map(([id, code]) => [id, code])).toEqual([
      [null, 'invalid_json'],
      ['method', invalid],
      ['url', invalid],
      ['unknown', invalid],
      ['range', invalid],
      ['good', 'duplicate_custom_id'],
      ['n', invalid],
      ['role', invalid],
      [null, invalid],
      [null, invalid],
      [null, 'line_too_long'],
      ['token', 'bad_input'],
      ['long', 'bad_input'],
      ['penalty', 'bad_option'],
    ]);
    expect(found[3][2]).toMatch(/^Line 5: .*tools/);
  });

  it('goes on where it was: torn lines anew, finished ones untouched', async () => {
    const { input, output } = await paths(Array.from({ length: 8 }, (_, i) => text(`r${i}`, `Once ${i}`)));
    await runBatchFile(model, input, output);
    const whole = await readFile(output, 'utf8');
    const texts = (all: string) =>
      Object.fromEntries(
        all
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line))
          .map(({ custom_id, response }) => [custom_id, response.body.choices[0].text]),
      );
    expect(await runBatchFile(model, input, output)).toMatchObject({ resumed: 8, statistics: undefined });
    expect(await readFile(output, 'utf8')).toBe(whole);
    for (const length of [whole.length - 1, Math.floor(whole.length / 2), whole.indexOf('\n') + 4, 7, 0]) {
      await truncate(output, length);
      const kept = whole.slice(0, whole.lastIndexOf('\n', length - 1) + 1);
      const resumed = kept.split('\n').length - 1;
      expect(await runBatchFile(model, input, output)).toMatchObject({ resumed, answered: 8 });
      const again = await readFile(output, 'utf8');
      expect(again.startsWith(kept)).toBe(true);
      expect(again.split('\n')).toHaveLength(9);
      expect(texts(again)).toEqual(texts(whole));
      await writeFile(output, whole);
    }
  });

  it('saves what is done when it is stopped, in the middle of its answers', async () => {
    const { input, output } = await paths(
      Array.from({ length: 12 }, (_, i) => text(`r${i}`, `Once ${i}`, { max_tokens: 3 + 4 * i })),
    );
    const controller = new AbortController();
    const onProgress = ({ finished }: { finished: number }) => finished >= 5 && controller.abort();
    await expect(
      runBatchFile(model, input, output, { signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    const saved = (await linesOf(output)).length;
    expect(saved).toBeGreaterThanOrEqual(5);
    expect(saved).toBeLessThan(12);
    expect(await runBatchFile(model, input, output)).toMatchObject({ answered: 12, resumed: saved });
  });

  it('leaves files alone that are not its own, and refuses a second run on one output', async () => {
    const { input, output } = await paths([text('a', 'Once')]);
    for (const other of ['a letter\n', 'a letter', '{"id":"x"}\n', '{"id":"batch_req_']) {
      await writeFile(output, `${other}`);
      const torn = other === '{"id":"batch_req_';
      const run = runBatchFile(model, input, output);
      if (torn) await run;
      else {
        await expect(run).rejects.toMatchObject({ code: 'bad-file' });
        expect(await readFile(output, 'utf8')).toBe(other);
      }
    }
    await appendFile(input, `${JSON.stringify(text('b', 'Tom'))}\n`);
    expect(await runBatchFile(model, input, output)).toMatchObject({ resumed: 1, answered: 2 });
    await writeFile(input, JSON.stringify(text('a', 'Another')));
    await expect(runBatchFile(model, input, output)).rejects.toMatchObject({ code: 'bad-input' });

    const fresh = await paths([text('a', 'Once')]);
    await mkdir(`${fresh.output}.lock`);
    // The parent of all processes is alive.
    await writeFile(join(`${fresh.output}.lock`, `1~${hostname().replace(/[^A-Za-z0-9-]/g, '-')}~x`), '');
    await expect(runBatchFile(model, fresh.input, fresh.output)).rejects.toMatchObject({ code: 'busy' });
    await expect(runBatchFile(model, join(folder, 'none'), output)).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});
