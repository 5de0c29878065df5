/**
 * A lock between processes that share a cache: a folder, made with `mkdir` (atomic everywhere), holding one file
 * named after its owner. The owner touches the file every few seconds; a lock whose owner is dead on this
 * machine, or whose file went untouched for a minute, is taken over. Deleting the owner's file by its exact name
 * is what makes a takeover atomic: of several takers only one can remove it.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, rmdir, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LockTimes {
  /** Untouched for this long, a lock counts as abandoned. Milliseconds. */
  staleMs?: number;
  /** Pause between attempts while somebody else holds it. Milliseconds. */
  pollMs?: number;
}

const safeHost = hostname().replace(/[^A-Za-z0-9-]/g, '-');

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** When this process began. Milliseconds. */
const begun = Date.now() - process.uptime() * 1000;

function isDeadHere(owner: string, touched: number): boolean {
  const [pid, host] = owner.split('~');
  if (host !== safeHost || !/^\d+$/.test(pid)) return false;
  // In a container every run may have the same number.
  if (Number(pid) === process.pid) return touched < begun - 1000;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/** Removes the lock when it is abandoned. Safe to run in several processes at once. */
async function clearIfStale(folder: string, staleMs: number): Promise<void> {
  try {
    const [owner] = await readdir(folder);
    const touched = (await stat(owner === undefined ? folder : join(folder, owner))).mtimeMs;
    const expired = Date.now() - touched > staleMs;
    if (owner === undefined) {
      if (expired) await rmdir(folder);
    } else if (expired || isDeadHere(owner, touched)) {
      await unlink(join(folder, owner));
      await rmdir(folder);
    }
  } catch (error) {
    // Somebody else was quicker: the lock is gone, or already theirs.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EPERM', 'EBUSY'].includes(codeOf(error) ?? '')) throw error;
  }
}

/** One attempt: true when the lock is ours. */
async function take(folder: string, owner: string): Promise<boolean> {
  try {
    await mkdir(folder);
    await writeFile(owner, '');
    // Alone, unless our still unsigned folder was cleared as abandoned and made again by somebody else.
    if ((await readdir(folder)).length === 1) return true;
    await release(folder, owner);
  } catch (error) {
    if (!['EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) throw error;
  }
  return false;
}

async function release(folder: string, owner: string): Promise<void> {
  await rm(owner, { force: true });
  await rmdir(folder).catch(() => undefined);
}

/** Who holds a lock. */
export interface LockHolder {
  pid: number;
  host: string;
}

/**
 * Takes the lock `folder` unless somebody else holds it; never waits. Nothing but the death of its holder, seen from
 * the same machine, frees such a lock: it does not expire.
 * @returns a function that gives it back, or who holds it; undefined for a holder that left no name.
 */
export async function tryLock(folder: string): Promise<(() => Promise<void>) | LockHolder | undefined> {
  await mkdir(dirname(folder), { recursive: true });
  const owner = join(folder, `${process.pid}~${safeHost}~${randomUUID()}`);
  if (await take(folder, owner)) return () => release(folder, owner);
  await clearIfStale(folder, Infinity);
  if (await take(folder, owner)) return () => release(folder, owner);
  const [holder] = await readdir(folder).catch(() => []);
  const [pid, host] = holder?.split('~') ?? [];
  return host === undefined ? undefined : { pid: Number(pid), host };
}

/**
 * Runs `work` while holding the lock `folder`, waiting for other holders first.
 * @throws the signal's reason when aborted while waiting; whatever `work` throws.
 */
export async function withLock<T>(
  folder: string,
  work: () => Promise<T>,
  { signal, staleMs = 60_000, pollMs = 200 }: LockTimes & { signal?: AbortSignal } = {},
): Promise<T> {
  await mkdir(dirname(folder), { recursive: true });
  const owner = join(folder, `${process.pid}~${safeHost}~${randomUUID()}`);
  for (;;) {
    signal?.throwIfAborted();
    if (await take(folder, owner)) break;
    await clearIfStale(folder, staleMs);
    await sleep(pollMs);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    // A failed touch only makes the lock look older; the checksums still guard the files.
    utimes(owner, now, now).catch(() => undefined);
  }, staleMs / 6);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await release(folder, owner);
  }
}
