/** A folder of model files, wherever it is: on disk, or at an address. */

import { QuickstepError } from '../errors.ts';
import { WeightFile } from './weight-file.ts';

export interface Folder {
  /** Path or address, for messages. */
  readonly path: string;
  /** Names of the files in it. */
  names(): Promise<readonly string[]>;
  /** Text of a file, or undefined when there is none. Throws `bad-file` when it is too large. */
  text(name: string): Promise<string | undefined>;
  /** Opens a file for positioned reads; the caller closes it. Throws `not-found` when there is none. */
  open(name: string): Promise<WeightFile>;
}

/** Finds a folder by its name or path that has a file `member`; undefined when there is none. */
export type FindFolder = (id: string, member: string) => Promise<Folder | undefined>;

/**
 * The JSON object in a file of the folder, or undefined when there is no such file.
 * @throws QuickstepError `bad-file` for anything else.
 */
export async function readJson(folder: Folder, name: string): Promise<Record<string, unknown> | undefined> {
  const text = await folder.text(name);
  if (text === undefined) return undefined;
  const path = `${folder.path}/${name}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new QuickstepError('bad-file', `"${path}" is not valid JSON.`, 'Fetch it again.', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new QuickstepError('bad-file', `"${path}" is not a JSON object.`, 'Fetch it again.');
  }
  return parsed as Record<string, unknown>;
}

class MemoryFile extends WeightFile {
  readonly #data: Uint8Array;

  constructor(path: string, data: Uint8Array) {
    super(path, data.length);
    this.#data = data;
  }

  protected override async fill(target: Uint8Array, offset: number): Promise<void> {
    target.set(this.#data.subarray(offset, offset + target.length));
  }

  protected override async release(): Promise<void> {}
}

/** Bytes in memory as a file. */
export function memoryFile(path: string, data: Uint8Array): WeightFile {
  return new MemoryFile(path, data);
}
