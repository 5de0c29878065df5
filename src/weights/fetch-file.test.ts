import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMMIT, gitBlobId, sha256, startHub, type TestHub } from '../../test/support/hub-server.ts';
import { type FetchFileOptions, fetchFile } from './fetch-file.ts';

const content = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 31 + (i >> 8)) & 255));
const whole = {
  size: content.length,
  digest: { algorithm: 'sha256', hex: sha256(content) },
} satisfies FetchFileOptions;

let hub: TestHub;
let folder: string;
let target: string;
let url: string;

beforeEach(async () => {
  hub = await startHub({ 'w.bin': content });
  folder = await mkdtemp(join(tmpdir(), 'quickstep-fetch-'));
  target = join(folder, 'w.bin');
  url = `${hub.endpoint}/acme/model/resolve/${COMMIT}/w.bin`;
});

afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

/** Leaves a partial of `length` bytes behind by aborting there. */
async function leavePartial(length: number, options: FetchFileOptions = whole): Promise<void> {
  hub.behaviour = { hangAfter: length };
  const control = new AbortController();
  const onBytes = (loaded: number): void => {
    if (loaded === length) control.abort(new Error('far enough'));
  };
  const aborted = fetchFile(url, target, { ...options, signal: control.signal, onBytes });
  await expect(aborted).rejects.toThrow('far enough');
  expect((await stat(`${target}.partial`)).size).toBe(length);
  hub.behaviour = {};
  hub.requests.length = 0;
}

const ranges = (): (string | undefined)[] => hub.requests.map(({ headers }) => headers.range);

describe('a clean download', () => {
  it('writes the file, reports every byte and leaves nothing else', async () => {
    const seen: number[] = [];
    await fetchFile(url, target, { ...whole, onBytes: (loaded) => seen.push(loaded) });
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(content.length);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(existsSync(`${target}.partial`)).toBe(false);
    expect(existsSync(`${target}.partial.json`)).toBe(false);
  });

  it('checks git blob ids too', async () => {
    const digest = { algorithm: 'git-sha1', hex: gitBlobId(content) } as const;
    await fetchFile(url, target, { size: content.length, digest });
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('does not ask again for a file that is already right, but replaces a wrong one', async () => {
    await writeFile(target, content);
    await fetchFile(url, target, whole);
    expect(hub.requests).toHaveLength(0);
    await writeFile(target, 'something else');
    await fetchFile(url, target, whole);
    expect(readFileSync(target).equals(content)).toBe(true);
  });
});

describe('resuming', () => {
  it('continues in the middle with Range and If-Range', async () => {
    await leavePartial(70_000);
    const seen: number[] = [];
    await fetchFile(url, target, { ...whole, onBytes: (loaded) => seen.push(loaded) });
    expect(ranges()).toEqual(['bytes=70000-']);
    expect(hub.requests[0].headers['if-range']).toBe(`"${sha256(content)}"`);
    expect(seen[0]).toBe(70_000);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('picks up a broken connection by itself', async () => {
    hub.behaviour = { cutAfter: 60_000, cuts: 2 };
    await fetchFile(url, target, whole);
    // Where exactly it continues depends on how many of the last bytes the client had taken in.
    expect(ranges()).toHaveLength(3);
    expect(ranges().at(-1)).toMatch(/^bytes=\d+-$/);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('starts over when the server ignores ranges', async () => {
    await leavePartial(70_000);
    hub.behaviour = { ignoreRange: true };
    await fetchFile(url, target, whole);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it.each([false, true])(
    'starts over when the etag changed (If-Range ignored: %s)',
    async (ignoreIfRange) => {
      await leavePartial(70_000, {});
      const next = Buffer.from(content.map((byte) => byte ^ 1));
      hub.files.set('w.bin', next);
      hub.behaviour = { ignoreIfRange };
      await fetchFile(url, target);
      expect(readFileSync(target).equals(next)).toBe(true);
    },
  );

  it('does not continue the bytes of another file', async () => {
    await leavePartial(70_000);
    const next = Buffer.from(content.map((byte) => byte ^ 1));
    hub.files.set('w.bin', next);
    await fetchFile(url, target, { size: next.length, digest: { algorithm: 'sha256', hex: sha256(next) } });
    expect(ranges()).toEqual([undefined]);
    expect(readFileSync(target).equals(next)).toBe(true);
  });

  it('finishes a complete partial without another request', async () => {
    await leavePartial(70_000);
    await writeFile(`${target}.partial`, content);
    await fetchFile(url, target, whole);
    expect(hub.requests).toHaveLength(0);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('drops a partial longer than the file (416)', async () => {
    await leavePartial(70_000, {});
    await writeFile(`${target}.partial`, Buffer.concat([content, content]));
    await fetchFile(url, target);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('keeps the partial through a server error', async () => {
    await leavePartial(70_000);
    hub.behaviour = { fileStatus: 503 };
    await expect(fetchFile(url, target, whole)).rejects.toMatchObject({ code: 'offline' });
    expect((await stat(`${target}.partial`)).size).toBe(70_000);
  });

  it('gives the same bytes wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 3000 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.boolean(),
        async (bytes, cutAfter, ignoreRange) => {
          const file = Buffer.from(bytes);
          hub.files.set('w.bin', file);
          hub.behaviour = { cutAfter, cuts: 1, ignoreRange };
          const digest = { algorithm: 'sha256', hex: sha256(file) } as const;
          await rm(target, { force: true });
          await fetchFile(url, target, { size: file.length, digest });
          expect(readFileSync(target).equals(file)).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('what goes wrong', () => {
  it('deletes bytes with the wrong checksum', async () => {
    hub.files.set('w.bin', Buffer.from(content.map((byte, i) => (i === 1234 ? byte ^ 1 : byte))));
    await expect(fetchFile(url, target, whole)).rejects.toMatchObject({
      code: 'checksum',
      message: expect.stringContaining(whole.digest.hex),
    });
    expect(existsSync(target)).toBe(false);
    expect(existsSync(`${target}.partial`)).toBe(false);
  });

  it('stops at the promised size when more is sent', async () => {
    hub.files.set('w.bin', Buffer.concat([content, content, content]));
    await expect(fetchFile(url, target, whole)).rejects.toMatchObject({
      code: 'checksum',
      message: expect.stringContaining(`more than the promised ${content.length} bytes`),
    });
    expect(existsSync(target)).toBe(false);
    expect((await stat(`${target}.partial`)).size).toBe(0);
  });

  it('refuses a file that is shorter than promised', async () => {
    hub.files.set('w.bin', content.subarray(0, 1000));
    await expect(fetchFile(url, target, whole)).rejects.toMatchObject({
      code: 'checksum',
      message: expect.stringContaining('1000 bytes arrived'),
    });
    expect(existsSync(target)).toBe(false);
  });

  it('gives up on a server that never answers', async () => {
    hub.behaviour = { mute: true };
    const started = Date.now();
    await expect(
      fetchFile(url, target, { ...whole, timeouts: { connectMs: 300, idleMs: 9000 } }),
    ).rejects.toMatchObject({
      code: 'offline',
      message: expect.stringContaining('did not answer within 0.3 s'),
    });
    expect(Date.now() - started).toBeLessThan(3000);
  });

  it('gives up on a server that falls silent, and keeps what came', async () => {
    hub.behaviour = { hangAfter: 5000 };
    await expect(
      fetchFile(url, target, { ...whole, timeouts: { connectMs: 9000, idleMs: 300 }, retries: 0 }),
    ).rejects.toMatchObject({
      code: 'offline',
      message: expect.stringContaining('sent nothing for 0.3 s'),
    });
    expect((await stat(`${target}.partial`)).size).toBe(5000);
  });

  it('names a refused connection', async () => {
    await hub.close();
    await expect(fetchFile(url, target, whole)).rejects.toMatchObject({
      code: 'offline',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('rejects with the reason of an abort and resumes afterwards', async () => {
    hub.behaviour = { hangAfter: 5000 };
    const control = new AbortController();
    const reason = new Error('enough');
    const onBytes = (loaded: number): void => {
      if (loaded >= 5000) control.abort(reason);
    };
    await expect(fetchFile(url, target, { ...whole, signal: control.signal, onBytes })).rejects.toBe(reason);
    hub.behaviour = {};
    await fetchFile(url, target, whole);
    expect(ranges().at(-1)).toBe('bytes=5000-');
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  // /dev/full, which is always full, exists on Linux only.
  it.runIf(process.platform === 'linux')('says how much space is missing', async () => {
    symlinkSync('/dev/full', `${target}.partial`);
    await expect(fetchFile(url, target, whole)).rejects.toMatchObject({
      code: 'no-space',
      message: expect.stringMatching(new RegExp(`space in ${folder}.*\\(200000 bytes\\) more`)),
    });
  });
});
