/** Many names in two arrays, sorted by their bytes: a number for each, and each found by binary search. */

import { compareBytes, utf8 } from '../../../text/bytes.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

/** Whether bytes are UTF-8 without control characters, as names in files of triples are. */
function isLine(bytes: Uint8Array): boolean {
  const strict = new TextDecoder('utf-8', { fatal: true });
  const slab = 1 << 20;
  try {
    for (let at = 0; at < bytes.length; at += slab)
      strict.decode(bytes.subarray(at, at + slab), { stream: true });
    strict.decode();
  } catch {
    return false;
  }
  // Behind C2, bytes below A0 are the control characters from U+0080 on.
  return !bytes.some((byte, i) => byte < 0x20 || byte === 0x7f || (byte === 0xc2 && bytes[i + 1] < 0xa0));
}

export class Names {
  /** [count + 1] Where each name begins in `bytes`. */
  readonly offsets: Int32Array;
  /** The names one after the other, in UTF-8. */
  readonly bytes: Uint8Array;

  /** Arrays from elsewhere may not be `isSound`. */
  constructor(offsets: Int32Array, bytes: Uint8Array) {
    this.offsets = offsets;
    this.bytes = bytes;
  }

  /** Sorts the names, each once. */
  static of(names: Iterable<string>): Names {
    const all = Array.from(new Set(names), utf8).sort(compareBytes);
    const offsets = new Int32Array(all.length + 1);
    for (const [id, name] of all.entries()) offsets[id + 1] = offsets[id] + name.length;
    const bytes = new Uint8Array(offsets[all.length]);
    for (const [id, name] of all.entries()) bytes.set(name, offsets[id]);
    return new Names(offsets, bytes);
  }

  get count(): number {
    return this.offsets.length - 1;
  }

  /** Whether offsets ascend from 0 to the end of the bytes, and names too, each of which a line of a chain can hold. */
  get isSound(): boolean {
    const { offsets, bytes, count } = this;
    if (count < 0 || offsets[0] !== 0 || offsets[count] !== bytes.length) return false;
    if (!isLine(bytes)) return false;
    for (let id = 0; id < count; id++) {
      if (offsets[id + 1] <= offsets[id] || isContinuation(bytes[offsets[id]])) return false;
    }
    for (let id = 1; id < count; id++) {
      if (compareBytes(this.#bytesOf(id - 1), this.#bytesOf(id)) >= 0) return false;
    }
    return true;
  }

  name(id: number): string {
    return decoder.decode(this.#bytesOf(id));
  }

  /** The number of a name; undefined when it is none of them. */
  find(name: string): number | undefined {
    const wanted = utf8(name);
    let [low, high] = [0, this.count - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = compareBytes(this.#bytesOf(middle), wanted);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  #bytesOf(id: number): Uint8Array {
    return this.bytes.subarray(this.offsets[id], this.offsets[id + 1]);
  }
}
