/**
 * Bounded reads of one weight file, wherever its bytes are. Knows nothing of formats: it reads byte ranges and fills
 * float32 tensors slab by slab, so that a tensor never exists twice in memory. Assumes a little-endian machine, as
 * every platform that Node.js or a browser supports in practice is.
 */

import { QuickstepError } from '../errors.ts';

/** Bytes fetched by one read; a few MiB keep the disk busy without holding much. */
export const SLAB_BYTES = 4 * 1024 * 1024;

/** How a run of stored blocks becomes float32: plain types have one element a block. */
export interface BlockType {
  readonly name: string;
  /** Elements in a block. */
  readonly blockSize: number;
  /** Bytes in a block. */
  readonly blockBytes: number;
  /** Decodes `bytes` (whole blocks) into `out` (`bytes.length / blockBytes * blockSize` elements). */
  decode(bytes: Uint8Array, out: Float32Array): void;
}

/** An open weight file of known size. */
export abstract class WeightFile {
  readonly path: string;
  /** Bytes, when the file was opened. */
  readonly size: number;
  #closed = false;

  protected constructor(path: string, size: number) {
    this.path = path;
    this.size = size;
  }

  /** Fills `target` with the bytes from `offset` on, which the caller has found inside the file. */
  protected abstract fill(target: Uint8Array, offset: number): Promise<void>;

  /** Gives up what the file holds; called once. */
  protected abstract release(): Promise<void>;

  /** Reads `[offset, offset + length)`. The caller bounds `length`; a range outside the file is `bad-file`. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    this.#check(offset, length);
    const target = new Uint8Array(length);
    await this.fill(target, offset);
    return target;
  }

  /** Reads `count` elements stored as `type` from `offset`. `count` must be whole blocks inside the file. */
  async floats(offset: number, count: number, type: BlockType): Promise<Float32Array> {
    const length = (count / type.blockSize) * type.blockBytes;
    this.#check(offset, length);
    const out = allocate(count, this.path);
    if (type.name === 'F32') {
      await this.fill(new Uint8Array(out.buffer), offset);
      return out;
    }
    const slabBlocks = Math.max(1, Math.floor(SLAB_BYTES / type.blockBytes));
    const slab = new Uint8Array(Math.min(length, slabBlocks * type.blockBytes));
    for (let done = 0; done < length; done += slab.length) {
      const bytes = slab.subarray(0, Math.min(slab.length, length - done));
      await this.fill(bytes, offset + done);
      const first = (done / type.blockBytes) * type.blockSize;
      type.decode(bytes, out.subarray(first, first + (bytes.length / type.blockBytes) * type.blockSize));
    }
    return out;
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.release();
  }

  #check(offset: number, length: number): void {
    if (this.#closed) {
      throw new QuickstepError(
        'disposed',
        `"${this.path}" was closed.`,
        'Open the checkpoint again to read it.',
      );
    }
    if (offset < 0 || offset + length > this.size) throw truncated(this.path, offset + length, this.size);
  }
}

/** What is thrown for a file that ends before `needed` bytes. */
export function truncated(path: string, needed: number, size: number): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `"${path}" is truncated: byte ${needed} is needed, ${size} bytes are there.`,
    'Fetch the file again.',
  );
}

function allocate(count: number, path: string): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count);
  } catch (cause) {
    throw new QuickstepError(
      'out-of-memory',
      `A tensor of ${count} elements in "${path}" does not fit in memory as float32.`,
      'Use a smaller model or a machine with more memory.',
      { cause },
    );
  }
}
