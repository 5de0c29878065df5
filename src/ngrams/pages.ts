/** The pages of a store: read when they are needed, checked against their digests, the longest unused forgotten. */

import { readSync } from 'node:fs';
import { damaged, digestBytes, digestOf, equal, headerBytes, pageBytes } from './layout.ts';

/** Pages that stay in memory: 16 MiB. */
const mostPages = 256;

export class Pages {
  readonly #path: string;
  readonly #file: number;
  readonly #end: number;
  readonly #digests: Uint8Array;
  readonly #pages: (DataView | undefined)[];
  /** When each page was used last, by the count of reads. */
  readonly #used: Float64Array;
  #reads = 0;
  #loaded = 0;

  /** @param end where the pages end in the file, in bytes */
  constructor(path: string, file: number, end: number, digests: Uint8Array) {
    this.#path = path;
    this.#file = file;
    this.#end = end;
    this.#digests = digests;
    const count = digests.length / digestBytes;
    this.#pages = new Array(count).fill(undefined);
    this.#used = new Float64Array(count);
  }

  /** A number of 2 or 4 bytes at an offset that is a multiple of them. @throws QuickstepError 'bad-file' */
  read(offset: number, bytes: 2 | 4): number {
    const number = Math.floor((offset - headerBytes) / pageBytes);
    const page = this.#page(number);
    const at = offset - headerBytes - number * pageBytes;
    return bytes === 2 ? page.getUint16(at, true) : page.getUint32(at, true);
  }

  #page(number: number): DataView {
    this.#used[number] = ++this.#reads;
    return this.#pages[number] ?? this.#bring(number);
  }

  #bring(number: number): DataView {
    if (this.#loaded === mostPages) {
      let oldest = -1;
      for (const [other, page] of this.#pages.entries())
        if (page && (oldest === -1 || this.#used[other] < this.#used[oldest])) oldest = other;
      this.#pages[oldest] = undefined;
      this.#loaded--;
    }
    const page = this.#load(number);
    this.#pages[number] = page;
    this.#loaded++;
    return page;
  }

  #load(number: number): DataView {
    const start = headerBytes + number * pageBytes;
    const page = new Uint8Array(Math.min(pageBytes, this.#end - start));
    for (let done = 0; done < page.length; ) {
      const count = readSync(this.#file, page, done, page.length - done, start + done);
      if (count === 0) throw damaged(this.#path, 'it has become shorter');
      done += count;
    }
    const expected = this.#digests.subarray(number * digestBytes, (number + 1) * digestBytes);
    if (!equal(digestOf(page), expected)) throw damaged(this.#path, `page ${number} is damaged`);
    return new DataView(page.buffer);
  }
}
