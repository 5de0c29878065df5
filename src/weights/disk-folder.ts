/** A folder on disk; text files in it are bounded in size. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { QuickstepError } from '../errors.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import type { Folder } from './folder.ts';

/** The largest tokenizer.json files (256k tokens with merges) are under 40 MB. */
const MAX_BYTES = 128 * 1024 * 1024;

export function diskFolder(path: string): Folder {
  return {
    path,
    names: () => readdir(path),
    text: async (name) => {
      const file = join(path, name);
      const found = await stat(file).catch(() => undefined);
      if (!found?.isFile()) return undefined;
      if (found.size > MAX_BYTES) {
        const problem = `"${file}" has ${found.size} bytes, at most ${MAX_BYTES} are read.`;
        throw new QuickstepError('bad-file', problem);
      }
      return readFile(file, 'utf8');
    },
    open: (name) => CheckpointFile.open(join(path, name)),
  };
}
