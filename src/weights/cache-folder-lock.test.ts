import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from './cache-folder-lock.ts';

let folder: string;
let lock: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quickstep-lock-'));
  lock = join(folder, 'locks', 'model');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A lock that a process left behind. */
function leaveLock(pid: number, host = hostname().replace(/[^A-Za-z0-9-]/g, '-')): string {
  mkdirSync(lock, { recursive: true });
  const owner = join(lock, `${pid}~${host}~0`);
  writeFileSync(owner, '');
  return owner;
}

const soon = { pollMs: 5 };

describe('withLock', () => {
  it('lets one in at a time, and everybody in the end', async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await sleep(5);
      inside--;
    };
    await Promise.all(Array.from({ length: 12 }, () => withLock(lock, work, soon)));
    expect(most).toBe(1);
    expect(existsSync(lock)).toBe(false);
  });

  it('is free again after a failure', async () => {
    await expect(
      withLock(lock, async () => {
        throw new Error('inside');
      }),
    ).rejects.toThrow('inside');
    expect(await withLock(lock, async () => 'again')).toBe('again');
  });

  it('takes over from a dead process at once', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    leaveLock(child.pid!);
    expect(await withLock(lock, async () => 'mine', soon)).toBe('mine');
  });

  it('takes over from another machine only when it fell silent', async () => {
    const owner = leaveLock(1, 'elsewhere');
    const control = new AbortController();
    const reason = new Error('tired of waiting');
    setTimeout(() => control.abort(reason), 100);
    await expect(withLock(lock, async () => 'mine', { ...soon, signal: control.signal })).rejects.toBe(
      reason,
    );
    const longAgo = new Date(Date.now() - 61_000);
    utimesSync(owner, longAgo, longAgo);
    expect(await withLock(lock, async () => 'mine', soon)).toBe('mine');
  });

  it('takes over a lock whose owner died before signing it', async () => {
    mkdirSync(lock, { recursive: true });
    const longAgo = new Date(Date.now() - 61_000);
    utimesSync(lock, longAgo, longAgo);
    expect(await withLock(lock, async () => 'mine', soon)).toBe('mine');
  });

  it('gives an abandoned lock to one of many', async () => {
    for (let round = 0; round < 20; round++) {
      const owner = leaveLock(1, 'elsewhere');
      const longAgo = new Date(Date.now() - 61_000);
      utimesSync(owner, longAgo, longAgo);
      let inside = 0;
      let most = 0;
      const work = async (): Promise<void> => {
        most = Math.max(most, ++inside);
        await sleep(1);
        inside--;
      };
      await Promise.all(Array.from({ length: 16 }, () => withLock(lock, work, { pollMs: 1 })));
      expect(most).toBe(1);
    }
  });

  it('keeps a long holder alive by its heartbeat', async () => {
    const times = { staleMs: 120, pollMs: 5 };
    const order: string[] = [];
    const first = withLock(
      lock,
      async () => {
        await sleep(400);
        order.push('first');
      },
      times,
    );
    await sleep(50);
    await withLock(lock, async () => order.push('second'), times);
    await first;
    expect(order).toEqual(['first', 'second']);
  });
});
