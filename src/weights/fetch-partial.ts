/**
 * A file on its way: bytes are appended to `<target>.partial`, hashed as they pass and bounded by the promised
 * size; `finish` syncs, verifies and renames, so a file under its final name is always whole.
 * What the bytes belong to (etag, checksum, size) is kept in `<target>.partial.json`; only the same thing resumes.
 */

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';

/** A promised checksum. `git-sha1` is git's blob id: SHA-1 over `blob <size>\0` and the content. */
export interface Digest {
  algorithm: 'sha256' | 'git-sha1';
  hex: string;
}

/** What is known of a file before its bytes arrive. */
export interface Promised {
  size?: number;
  digest?: Digest;
}

const identitySchema = z.object({
  etag: z.string().max(1000).optional(),
  digest: z.string().max(200).optional(),
  size: z.number().optional(),
});

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * The error for a disk that is full or will be.
 * @param needed bytes that still have to be written, when known.
 */
export function noSpace(folder: string, needed: number | undefined, cause?: unknown): QuickstepError {
  const amount = needed === undefined ? '' : ` ${megabytes(needed)} (${needed} bytes) more are needed.`;
  return new QuickstepError(
    'no-space',
    `There is not enough space in ${folder}.${amount}`,
    'Free some space there, or set QUICKSTEP_CACHE to a folder on a larger disk.',
    { cause },
  );
}

/** @throws QuickstepError `no-space` when the disk of `folder` (created if absent) has less than `bytes` free. */
export async function requireSpace(folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  if (bytes > bavail * bsize) throw noSpace(folder, bytes);
}

function startHash({ size, digest }: Promised): Hash {
  const hash = createHash(digest?.algorithm === 'git-sha1' ? 'sha1' : 'sha256');
  return digest?.algorithm === 'git-sha1' ? hash.update(`blob ${size}\0`) : hash;
}

async function hashFile(path: string, hash: Hash): Promise<number> {
  let length = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Buffer);
    length += (chunk as Buffer).length;
  }
  return length;
}

/** True when `path` exists and has the promised size and checksum; false without a checksum to compare. */
export async function isVerified(path: string, promised: Promised): Promise<boolean> {
  if (promised.digest === undefined) return false;
  try {
    const hash = startHash(promised);
    const length = await hashFile(path, hash);
    return (
      hash.digest('hex') === promised.digest.hex && (promised.size === undefined || length === promised.size)
    );
  } catch {
    return false;
  }
}

export class PartialFile {
  readonly #target: string;
  readonly #path: string;
  readonly #promised: Promised;
  readonly #file: FileHandle;
  #hash: Hash;
  #length: number;
  #etag: string | undefined;

  private constructor(target: string, promised: Promised, file: FileHandle) {
    this.#target = target;
    this.#path = `${target}.partial`;
    this.#promised = promised;
    this.#file = file;
    this.#hash = startHash(promised);
    this.#length = 0;
  }

  /**
   * Opens the partial of `target`, with its bytes if they belong to the same file, else empty.
   * Its folder is created.
   */
  static async open(target: string, promised: Promised = {}): Promise<PartialFile> {
    await mkdir(dirname(target), { recursive: true });
    const file = await open(`${target}.partial`, 'a+');
    try {
      const partial = new PartialFile(target, promised, file);
      await partial.#adopt((await file.stat()).size);
      return partial;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes present. */
  get length(): number {
    return this.#length;
  }

  /** The validator under which the present bytes were served. */
  get etag(): string | undefined {
    return this.#etag;
  }

  /** Takes over the `length` bytes in the file, or drops them when they belong to something else. */
  async #adopt(length: number): Promise<void> {
    if (length === 0) return;
    this.#length = length;
    const text = await readFile(`${this.#path}.json`, 'utf8').catch(() => '{}');
    const identity = identitySchema.safeParse(parseJson(text));
    const { size, digest } = this.#promised;
    const same =
      identity.success &&
      identity.data.digest === digest?.hex &&
      identity.data.size === size &&
      (digest !== undefined || identity.data.etag !== undefined);
    if (!same || length > (size ?? Infinity)) {
      await this.restart();
      return;
    }
    this.#etag = identity.data.etag;
    await hashFile(this.#path, this.#hash);
  }

  /** Drops all bytes and the validator. */
  async restart(): Promise<void> {
    if (this.#length > 0) await this.#file.truncate(0);
    this.#hash = startHash(this.#promised);
    this.#length = 0;
    this.#etag = undefined;
  }

  /** Records the validator of the bytes that follow. */
  async setEtag(etag: string | undefined): Promise<void> {
    this.#etag = etag;
    const identity = { etag, digest: this.#promised.digest?.hex, size: this.#promised.size };
    await this.#guard(() => writeFile(`${this.#path}.json`, JSON.stringify(identity)));
  }

  /**
   * Appends bytes.
   * @throws QuickstepError `checksum` beyond the promised size, `no-space` when the disk is full.
   */
  async append(bytes: Uint8Array): Promise<void> {
    const { size } = this.#promised;
    if (size !== undefined && this.#length + bytes.length > size) {
      await this.restart();
      throw this.#broken(`more than the promised ${size} bytes arrived`);
    }
    await this.#guard(() => this.#file.appendFile(bytes));
    this.#hash.update(bytes);
    this.#length += bytes.length;
  }

  /**
   * Syncs, verifies and renames to the final name. A file that fails is deleted.
   * @throws QuickstepError `checksum` naming the file, what was promised and what came.
   */
  async finish(): Promise<void> {
    const { size, digest } = this.#promised;
    const actual = this.#hash.digest('hex');
    await this.#guard(() => this.#file.sync());
    await this.close();
    const wrong =
      size !== undefined && this.#length !== size
        ? `${this.#length} bytes arrived, ${size} were promised`
        : digest !== undefined && actual !== digest.hex
          ? `its ${digest.algorithm} is ${actual}, promised was ${digest.hex}`
          : undefined;
    if (wrong) await rm(this.#path, { force: true });
    else await rename(this.#path, this.#target);
    await rm(`${this.#path}.json`, { force: true });
    if (wrong) throw this.#broken(wrong);
  }

  /** Closes the file and keeps the partial for a later resume. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  #broken(why: string): QuickstepError {
    return new QuickstepError(
      'checksum',
      `${basename(this.#target)} is not what was promised: ${why}. The bytes were deleted.`,
      'Try again; if it happens again, the server or a proxy in between alters the file.',
    );
  }

  async #guard<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
      const { size } = this.#promised;
      throw noSpace(dirname(this.#target), size === undefined ? undefined : size - this.#length, error);
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
