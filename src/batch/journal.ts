/**
 * A file of finished lines that a killed process leaves usable: lines are only ever appended, each in one write that
 * is on the disk before it counts. What a kill can leave is a last line without its end, which is dropped when the
 * file is opened again.
 */

import { type FileHandle, open, stat, truncate } from 'node:fs/promises';
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { writeError } from '../weights/replace-file.ts';
import { readLines } from './read-lines.ts';

/** How the id of every line begins; also what tells a torn line of ours from the end of somebody else's file. */
export const idPrefix = 'batch_req_';
const lineStart = `{"id":"${idPrefix}`;

/** Far beyond any answer. */
const maxLine = 64 * 1024 * 1024;

const finishedLine = z.looseObject({ id: z.string().startsWith(idPrefix) });

export class Journal {
  readonly path: string;
  /** Ids of the lines in the file, in order. */
  readonly ids: string[];
  #handle: FileHandle | undefined;

  private constructor(path: string, ids: string[]) {
    this.path = path;
    this.ids = ids;
  }

  /**
   * Reads the finished lines of a file, which need not exist, and drops a torn last one.
   * @throws QuickstepError 'bad-file' when it holds anything else than such lines; it is then left as it is.
   */
  static async open(path: string): Promise<Journal> {
    const size = await stat(path).then(
      (found) => found.size,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return 0;
        throw error;
      },
    );
    const ids: string[] = [];
    if (size === 0) return new Journal(path, ids);
    let kept = 0;
    let torn = false;
    for await (const { number, bytes, whole } of readLines(path, maxLine)) {
      if (!whole && bytes && isTorn(bytes)) {
        torn = true;
        break;
      }
      const id = whole && bytes && idOf(bytes);
      if (!id) {
        const hint = 'Give another output file; it was not changed.';
        throw new QuickstepError('bad-file', `Line ${number} of ${path} is no line of a batch output.`, hint);
      }
      ids.push(id);
      kept += bytes.length + 1;
    }
    if (torn) await truncate(path, kept);
    return new Journal(path, ids);
  }

  /**
   * Appends a line; when the promise resolves, it is on the disk.
   * @throws QuickstepError 'no-space' when the disk is full.
   */
  async append(line: object): Promise<void> {
    try {
      this.#handle ??= await open(this.path, 'a');
      await this.#handle.appendFile(`${JSON.stringify(line)}\n`);
      await this.#handle.datasync();
    } catch (error) {
      throw writeError(error, this.path);
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }
}

function isTorn(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, lineStart.length);
  return lineStart.startsWith(start);
}

function idOf(bytes: Buffer): string | undefined {
  try {
    return finishedLine.parse(JSON.parse(bytes.toString('utf8'))).id;
  } catch {
    return undefined;
  }
}
