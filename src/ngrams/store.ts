/** An n-gram store that is open for reading: a bounded part of the file is in memory, however large it is. */

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { QuickstepError } from '../errors.ts';
import { findFolder } from '../weights/source-local.ts';
import {
  damaged,
  digestBytes,
  digestOf,
  equal,
  headerBytes,
  type NgramFacts,
  partsOf,
  readHeader,
  tokenBytes,
} from './layout.ts';
import { Pages } from './pages.ts';

/** Name of a store in a folder of the package. */
export const storeName = 'ngrams.bin';

/** A stretch [first, end) of the suffixes. */
interface Stretch {
  first: number;
  end: number;
}

async function fill(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, position);
  return bytesRead;
}

export class NgramStore implements AsyncDisposable {
  readonly path: string;
  readonly facts: NgramFacts;
  readonly #handle: FileHandle;
  readonly #pages: Pages;
  readonly #parts: ReturnType<typeof partsOf>;
  readonly #tokenBytes: 2 | 4;

  private constructor(path: string, handle: FileHandle, facts: NgramFacts, digests: Uint8Array) {
    this.path = path;
    this.facts = facts;
    this.#handle = handle;
    this.#parts = partsOf(facts);
    this.#pages = new Pages(path, handle.fd, this.#parts.digests, digests);
    this.#tokenBytes = tokenBytes(facts);
  }

  /**
   * Opens a store by the path of its file, or by the name or path of a folder that has one.
   * @throws QuickstepError 'not-found' when there is none, 'bad-file' when it is damaged, as far as opening tells; pages
   * are checked when they are read.
   */
  static async open(id: string): Promise<NgramStore> {
    const folder = await findFolder(id, storeName);
    const path = folder ? join(folder.path, storeName) : id;
    const handle = await open(path, 'r').catch((cause) => {
      const hint = 'Name the file of a store; quickstep ngrams build <folder> makes one.';
      throw new QuickstepError('not-found', `There is no n-gram store ${JSON.stringify(id)}.`, hint, {
        cause,
      });
    });
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw damaged(path, 'it is not a file');
      const header = Buffer.alloc(headerBytes);
      const { facts, digest } = readHeader(header.subarray(0, await fill(handle, header, 0)), path);
      const { digests: start, pages, end } = partsOf(facts);
      if (found.size !== end) throw damaged(path, `it has ${found.size} bytes where its header says ${end}`);
      const digests = new Uint8Array(pages * digestBytes);
      await fill(handle, digests, start);
      if (!equal(digestOf(digests), digest)) throw damaged(path, 'its digests are damaged');
      return new NgramStore(path, handle, facts, digests);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * How often a context of fewer than `order` tokens occurs, and how often each of some tokens follows it.
   * @throws QuickstepError 'bad-file' for a damaged page.
   */
  followers(context: readonly number[], tokens: readonly number[]): { total: number; counts: number[] } {
    let stretch: Stretch = { first: 0, end: this.facts.tokens };
    for (const [place, token] of context.entries()) stretch = this.#narrow(stretch, place, token);
    const total = stretch.end - stretch.first;
    const counts = tokens.map((token) => {
      const { first, end } = this.#narrow(stretch, context.length, token);
      return end - first;
    });
    return { total, counts };
  }

  /** How often an n-gram of at most `order` tokens occurs. */
  count(gram: readonly number[]): number {
    return this.followers(gram.slice(0, -1), gram.slice(-1)).counts[0];
  }

  /** Those of a stretch, whose texts begin alike, that have `token` at `place`. */
  #narrow({ first, end }: Stretch, place: number, token: number): Stretch {
    const bound = (isBefore: (found: number) => boolean): number => {
      let [low, high] = [first, end];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (isBefore(this.#tokenAt(this.#suffix(middle) + place))) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    if (first === end) return { first, end };
    return { first: bound((found) => found < token), end: bound((found) => found <= token) };
  }

  #suffix(rank: number): number {
    return this.#pages.read(this.#parts.suffixes + 4 * rank, 4);
  }

  #tokenAt(position: number): number {
    // The last text is ended by the file.
    if (position >= this.facts.tokens) return this.facts.vocabSize;
    return this.#pages.read(this.#parts.tokens + this.#tokenBytes * position, this.#tokenBytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
