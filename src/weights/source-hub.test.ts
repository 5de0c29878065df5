import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMMIT, startHub, type TestHub } from '../../test/support/hub-server.ts';
import { parseHubId } from './known-models.ts';
import type { PullProgress } from './pull-progress.ts';
import { hubEndpoint, pullFromHub, wantedFiles } from './source-hub.ts';

const filler = (length: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * seed) & 255));
const repository = {
  'README.md': Buffer.from('# no'),
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'tokenizer.json': Buffer.from('{}'),
  'model-00001-of-00002.safetensors': filler(50_000, 3),
  'model-00002-of-00002.safetensors': filler(30_000, 5),
  'model.safetensors.index.json': Buffer.from('{"weight_map":{}}'),
  'consolidated.safetensors': filler(80_000, 7),
  'pytorch_model.bin': filler(80_000, 9),
  'modeling_evil.py': Buffer.from('boom'),
};
const wanted = [
  'config.json',
  'model-00001-of-00002.safetensors',
  'model-00002-of-00002.safetensors',
  'model.safetensors.index.json',
  'tokenizer.json',
];
const id = parseHubId('acme/model');

let hub: TestHub;
let cache: string;

beforeEach(async () => {
  hub = await startHub(repository);
  cache = await mkdtemp(join(tmpdir(), 'quickstep-hub-'));
  delete process.env.HF_TOKEN;
});

afterEach(async () => {
  delete process.env.HF_TOKEN;
  await hub.close();
  await rm(cache, { recursive: true, force: true });
});

const fetchModel = (options = {}): Promise<string> =>
  pullFromHub(cache, id, { endpoint: hub.endpoint, ...options });

/** All files below a folder, relative to it. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

describe('a repository in Hugging Face layout', () => {
  it('brings the wanted files of one commit and nothing else', async () => {
    const folder = await fetchModel();
    expect(readdirSync(folder).sort()).toEqual(wanted);
    for (const name of wanted) {
      expect(readFileSync(join(folder, name)).equals(hub.files.get(name)!)).toBe(true);
    }
    const paths = hub.requests.slice(1).map(({ path }) => path);
    expect(paths.every((path) => path.startsWith(`/acme/model/resolve/${COMMIT}/`))).toBe(true);
    expect(filesIn(cache)).toHaveLength(wanted.length);
  });

  it('reports progress over all files', async () => {
    const seen: PullProgress[] = [];
    await fetchModel({ onProgress: (progress: PullProgress) => seen.push(progress) });
    const total = wanted.reduce((sum, name) => sum + hub.files.get(name)!.length, 0);
    expect(new Set(seen.map(({ file }) => file))).toEqual(new Set(wanted));
    expect(seen.every(({ grandTotal }) => grandTotal === total)).toBe(true);
    expect(seen.map(({ loadedTotal }) => loadedTotal)).toEqual(
      seen.map(({ loadedTotal }) => loadedTotal).sort((a, b) => a - b),
    );
    expect(seen.at(-1)!.loadedTotal).toBe(total);
  });

  it('keeps finished files and the partial of an aborted pull', async () => {
    const control = new AbortController();
    hub.behaviour = { hangAfter: 20_000 };
    const reason = new Error('stop');
    const onProgress = ({ loaded }: PullProgress): void => {
      if (loaded === 20_000) control.abort(reason);
    };
    await expect(fetchModel({ signal: control.signal, onProgress })).rejects.toBe(reason);
    expect(existsSync(join(cache, 'hub'))).toBe(false);
    hub.behaviour = {};
    hub.requests.length = 0;
    await fetchModel();
    expect(hub.requests.some(({ path }) => path.endsWith('/config.json'))).toBe(false);
    const first = hub.requests.find(({ path }) => path.endsWith('00001-of-00002.safetensors'));
    expect(first?.headers.range).toBe('bytes=20000-');
  });

  it('fetches one GGUF file when the id names it', async () => {
    hub.files.set('tiny.Q4_0.gguf', filler(9_000, 11));
    hub.files.set('tiny.Q8_0.gguf', filler(9_000, 13));
    const path = await pullFromHub(cache, parseHubId('acme/model/tiny.Q8_0.gguf'), {
      endpoint: hub.endpoint,
    });
    expect(path).toBe(join(cache, 'hub', 'acme', 'model', 'tiny.Q8_0.gguf'));
    expect(filesIn(cache)).toHaveLength(1);
    expect(readFileSync(path).equals(filler(9_000, 13))).toBe(true);
  });
});

describe('what to fetch', () => {
  it('takes any safetensors when there is no standard name', () => {
    expect(wantedFiles(['config.json', 'weights.safetensors', 'a/b.safetensors'])).toEqual([
      'config.json',
      'weights.safetensors',
    ]);
  });

  it('takes the older tokenizer files where there is no tokenizer.json', () => {
    const older = ['config.json', 'merges.txt', 'model.safetensors', 'vocab.json'];
    expect(wantedFiles(older)).toEqual(older);
    expect(wantedFiles([...older, 'tokenizer.json'])).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
  });

  it('names the GGUF files of a repository without safetensors', async () => {
    hub.files.clear();
    hub.files.set('x.Q4_0.gguf', filler(10, 1));
    await expect(fetchModel()).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('acme/model/x.Q4_0.gguf'),
    });
    await expect(
      pullFromHub(cache, parseHubId('acme/model/y.gguf'), { endpoint: hub.endpoint }),
    ).rejects.toMatchObject({
      code: 'not-found',
      message: 'acme/model has no file y.gguf. It has GGUF files; name one: acme/model/x.Q4_0.gguf.',
    });
  });
});

describe('an untrusted listing', () => {
  it('never asks for or writes names that are not plain', async () => {
    const evil = [
      '../../evil.safetensors',
      '..\\evil.safetensors',
      '/etc/evil.safetensors',
      'C:evil.safetensors',
      'a/../../evil.safetensors',
      'evil\u0000.safetensors',
      '..evil.safetensors',
      'con.safetensors',
      `${'x'.repeat(300)}.safetensors`,
    ];
    // Without a model*.safetensors every safetensors file is wanted, if its name is plain.
    hub.files.clear();
    for (const name of ['config.json', ...evil, 'good.safetensors']) hub.files.set(name, filler(10, 1));
    const folder = await fetchModel();
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'good.safetensors']);
    expect(filesIn(cache)).toHaveLength(2);
    expect(hub.requests.some(({ path }) => path.includes('evil'))).toBe(false);
  });

  it.each([
    ['a login page', '<html>please pay</html>'],
    ['a commit that is a path', '{"sha":"../../x","siblings":[]}'],
    ['a negative size', `{"sha":"${COMMIT}","siblings":[{"rfilename":"config.json","size":-1}]}`],
    ['an endless answer', ' '.repeat(9 * 2 ** 20)],
  ])('refuses %s', async (_, listing) => {
    hub.behaviour = { listing };
    await expect(fetchModel()).rejects.toMatchObject({ code: 'bad-file' });
    expect(filesIn(cache)).toEqual([]);
  });

  it('asks for disk space before the first byte', async () => {
    const siblings = ['config.json', 'model.safetensors'].map((rfilename) => ({ rfilename, size: 2 ** 52 }));
    hub.behaviour = { listing: JSON.stringify({ sha: COMMIT, siblings }) };
    await expect(fetchModel()).rejects.toMatchObject({
      code: 'no-space',
      message: expect.stringContaining(String(2 ** 53)),
    });
    expect(hub.requests).toHaveLength(1);
  });
});

describe('refusals', () => {
  it.each([
    [{ listingStatus: 401, errorCode: 'RepoNotFound' }, 'not-found', 'Check the spelling'],
    [{ listingStatus: 404 }, 'not-found', 'no public model acme/model (404)'],
    [{ fileStatus: 401, errorCode: 'GatedRepo' }, 'unsupported', 'set HF_TOKEN'],
    [{ fileStatus: 403 }, 'unsupported', 'is gated'],
    [{ listingStatus: 503 }, 'offline', 'answered 503'],
  ] as const)('%j is %s', async (behaviour, code, text) => {
    hub.behaviour = { ...behaviour };
    await expect(fetchModel()).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
  });

  it('sends the token to the hub, but not where the hub redirects', async () => {
    process.env.HF_TOKEN = 'hf_secret';
    const storage = await startHub(repository);
    hub.behaviour = { redirect: storage.endpoint };
    try {
      await fetchModel();
    } finally {
      await storage.close();
    }
    expect(hub.requests.every(({ headers }) => headers.authorization === 'Bearer hf_secret')).toBe(true);
    expect(storage.requests).toHaveLength(wanted.length);
    expect(storage.requests.some(({ headers }) => headers.authorization)).toBe(false);
  });

  it('needs an http address', () => {
    expect(() => hubEndpoint('file:///etc')).toThrow(/not an http\(s\) address/);
    expect(() => hubEndpoint('nonsense')).toThrow(/HF_ENDPOINT/);
    expect(hubEndpoint('http://mirror.example/')).toBe('http://mirror.example');
  });
});
