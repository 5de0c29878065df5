import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachedModels, cacheFolder, findCached, prepareCache } from './cache-folder.ts';

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'quickstep-cache-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true, force: true });
});

function put(path: string, length = 10): string {
  const full = join(cache, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, Buffer.alloc(length));
  return full;
}

describe('cacheFolder', () => {
  it('prefers the argument, then QUICKSTEP_CACHE, then XDG, then the home folder', () => {
    vi.stubEnv('LOCALAPPDATA', undefined);
    vi.stubEnv('QUICKSTEP_CACHE', 'q');
    vi.stubEnv('XDG_CACHE_HOME', resolve('xdg'));
    expect(cacheFolder('given')).toBe(resolve('given'));
    expect(cacheFolder()).toBe(resolve('q'));
    vi.stubEnv('QUICKSTEP_CACHE', '');
    expect(cacheFolder()).toBe(resolve('xdg', 'quickstep'));
    vi.stubEnv('XDG_CACHE_HOME', undefined);
    expect(cacheFolder()).toBe(join(homedir(), '.cache', 'quickstep'));
  });
});

describe('findCached', () => {
  it('takes a folder only when it is whole', async () => {
    put('hub/acme/model/model.safetensors');
    expect(await findCached(cache, 'acme/model')).toBeUndefined();
    put('hub/acme/model/config.json');
    expect(await findCached(cache, 'acme/model')).toBe(join(cache, 'hub', 'acme', 'model'));
    expect(await findCached(cache, 'acme/model', 'wheel')).toBeUndefined();
  });

  it('takes a GGUF by name, or by itself when it is the only one', async () => {
    const first = put('hub/acme/model/a.gguf');
    expect(await findCached(cache, 'acme/model')).toBe(first);
    put('hub/acme/model/b.gguf');
    expect(await findCached(cache, 'acme/model')).toBeUndefined();
    expect(await findCached(cache, 'acme/model/a.gguf')).toBe(first);
    expect(await findCached(cache, 'acme/model/c.gguf')).toBeUndefined();
  });

  it('does not see unfinished downloads', async () => {
    put('incoming/hub/acme/model/config.json');
    put('incoming/hub/acme/model/model.safetensors');
    put('hub/acme/other/a.gguf.partial');
    expect(await findCached(cache, 'acme/model')).toBeUndefined();
    expect(await findCached(cache, 'acme/other')).toBeUndefined();
    expect(await cachedModels(cache)).toEqual([]);
  });
});

describe('cachedModels', () => {
  it('lists every model with its size', async () => {
    put('hub/acme/model/config.json', 5);
    put('hub/acme/model/model.safetensors', 100);
    const gguf = put('hub/acme/model/x.gguf', 70);
    const wheel = put('wheel/acme/chat/y.gguf', 30);
    expect(await cachedModels(cache)).toEqual([
      { id: 'acme/model', path: join(cache, 'hub', 'acme', 'model'), bytes: 105 },
      { id: 'acme/model/x.gguf', path: gguf, bytes: 70 },
      { id: 'acme/chat', path: wheel, bytes: 30 },
    ]);
  });

  it('is empty without a cache, which it does not create', async () => {
    expect(await cachedModels(join(cache, 'none'))).toEqual([]);
  });
});

describe('prepareCache', () => {
  it('explains a cache that cannot be a folder', async () => {
    const file = put('file');
    await expect(prepareCache(file)).rejects.toMatchObject({
      code: 'bad-option',
      message: expect.stringContaining('QUICKSTEP_CACHE'),
    });
  });
});
