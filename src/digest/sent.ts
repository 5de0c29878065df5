/** Which changes each address has been sent, in a file that outlives the program and its updates. */

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';

/** Ids of changes by address. */
const sentSchema = z.record(z.string(), z.array(z.string()));

/**
 * The file's place: the argument, else `$XDG_STATE_HOME/quickstep/digest.json`, else below `%LOCALAPPDATA%` on Windows,
 * else below `~/.local/state`. Nothing is created.
 */
export function sentFile(path?: string): string {
  const { XDG_STATE_HOME, LOCALAPPDATA } = process.env;
  const windows = process.platform === 'win32' ? LOCALAPPDATA : undefined;
  const folder = XDG_STATE_HOME || windows || join(homedir(), '.local', 'state');
  return resolve(path ?? join(folder, 'quickstep', 'digest.json'));
}

export class Sent {
  readonly path: string;
  readonly #ids: Map<string, Set<string>>;

  private constructor(path: string, ids: Map<string, Set<string>>) {
    this.path = path;
    this.#ids = ids;
  }

  /**
   * Reads the file; without one, nothing has been sent.
   * @throws QuickstepError 'bad-file' when it holds anything else; it is left as it is.
   */
  static async open(path: string): Promise<Sent> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    try {
      const read = Object.entries(sentSchema.parse(JSON.parse(text)));
      return new Sent(path, new Map(read.map(([address, ids]) => [address, new Set(ids)])));
    } catch (cause) {
      const hint = 'Give another with --state, or remove it: everything is then sent once more.';
      throw new QuickstepError('bad-file', `${path} does not tell what was sent.`, hint, { cause });
    }
  }

  has(address: string, id: string): boolean {
    return this.#ids.get(address.toLowerCase())?.has(id) ?? false;
  }

  /** Adds what an address was sent; when the promise resolves, the file says so. A kill leaves the old file or the new one. */
  async add(address: string, ids: readonly string[]): Promise<void> {
    const key = address.toLowerCase();
    this.#ids.set(key, new Set([...(this.#ids.get(key) ?? []), ...ids]));
    const all = Object.fromEntries([...this.#ids].map(([to, known]) => [to, [...known]]));
    await mkdir(dirname(this.path), { recursive: true });
    await writeFile(`${this.path}.tmp`, `${JSON.stringify(all, null, 1)}\n`, { flush: true });
    await rename(`${this.path}.tmp`, this.path);
  }
}
