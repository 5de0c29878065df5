/** A weight file on disk, read by position. */

import { type FileHandle, open, stat } from 'node:fs/promises';
import { QuickstepError } from '../errors.ts';
import { SLAB_BYTES, truncated, WeightFile } from './weight-file.ts';

export class CheckpointFile extends WeightFile {
  readonly #handle: FileHandle;

  private constructor(path: string, size: number, handle: FileHandle) {
    super(path, size);
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

  protected override async fill(target: Uint8Array, offset: number): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const length = Math.min(target.length - done, SLAB_BYTES);
      const { bytesRead } = await this.#handle.read(target, done, length, offset + done);
      if (bytesRead === 0) throw truncated(this.path, offset + target.length, offset + done);
      done += bytesRead;
    }
  }

  protected override release(): Promise<void> {
    return this.#handle.close();
  }
}
