/**
 * Positioned, bounded reads of one weight file. Knows nothing of formats: it reads byte ranges and fills float32
 * tensors slab by slab, so that a tensor never exists twice in memory. Assumes a little-endian machine, as every
 * platform Node.js supports in practice is.
 */

import { type FileHandle, open, stat } from 'node:fs/promises';
import { QuickstepError } from '../errors.ts';

/** Bytes fetched by one read; a few MiB keep the disk busy without holding much. */
const SLAB_BYTES = 4 * 1024 * 1024;

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
export class CheckpointFile {
  readonly path: string;
  /** Bytes, when the file was opened. */
  readonly size: number;
  readonly #handle: FileHandle;
  #closed = false;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** Opens for reading. Throws `not-found` when the file is missing or may not be read, `bad-file` for a folder. */
  static async open(path: string): Promise<CheckpointFile> {
    const refuse = (cause: unknown) => {
      throw new QuickstepError(
        'not-found',
        `Cannot open "${path}".`,
        'Check that it exists and may be read.',
        {
          cause,
        },
      );
    };
    // Before opening: opening a pipe would wait for a writer.
    const found = await stat(path).catch(refuse);
    if (!found.isFile()) throw new QuickstepError('bad-file', `"${path}" is not a file.`);
    const handle = await open(path, 'r').catch(refuse);
    try {
      return new CheckpointFile(path, (await handle.stat()).size, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Reads `[offset, offset + length)`. The caller bounds `length`; a range outside the file is `bad-file`. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    this.#check(offset, length);
    const target = new Uint8Array(length);
    await this.#fill(target, offset);
    return target;
  }

  /** Reads `count` elements stored as `type` from `offset`. `count` must be whole blocks inside the file. */
  async floats(offset: number, count: number, type: BlockType): Promise<Float32Array> {
    const length = (count / type.blockSize) * type.blockBytes;
    this.#check(offset, length);
    const out = allocate(count, this.path);
    if (type.name === 'F32') {
      await this.#fill(new Uint8Array(out.buffer), offset);
      return out;
    }
    const slabBlocks = Math.max(1, Math.floor(SLAB_BYTES / type.blockBytes));
    const slab = new Uint8Array(Math.min(length, slabBlocks * type.blockBytes));
    for (let done = 0; done < length; done += slab.length) {
      const bytes = slab.subarray(0, Math.min(slab.length, length - done));
      await this.#fill(bytes, offset + done);
      const first = (done / type.blockBytes) * type.blockSize;
      type.decode(bytes, out.subarray(first, first + (bytes.length / type.blockBytes) * type.blockSize));
    }
    return out;
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#handle.close();
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

  async #fill(target: Uint8Array, offset: number): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const length = Math.min(target.length - done, SLAB_BYTES);
      const { bytesRead } = await this.#handle.read(target, done, length, offset + done);
      if (bytesRead === 0) throw truncated(this.path, offset + target.length, offset + done);
      done += bytesRead;
    }
  }
}

function truncated(path: string, needed: number, size: number): QuickstepError {
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
