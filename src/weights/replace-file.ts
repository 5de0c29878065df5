/** Files that appear whole or not at all: written beside their place, then renamed. */

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { QuickstepError } from '../errors.ts';

/**
 * Writes a file in place of an older one, which stays as it was when anything fails.
 * @throws QuickstepError 'no-space' when the disk is full, 'not-found' when the folder does not exist; what `write` throws.
 */
export async function replaceFile(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw writeError(error, path);
  }
}

/** A failed write as an error a user can act on. */
export function writeError(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (QuickstepError.isInstance(error) || typeof code !== 'string') return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new QuickstepError(
      'no-space',
      `The disk is full; "${path}" was not written.`,
      'Free some space.',
      {
        cause: error,
      },
    );
  }
  return new QuickstepError(
    code === 'ENOENT' ? 'not-found' : 'bad-option',
    `Cannot write "${path}" (${code}).`,
    'Check that its folder exists and may be written.',
    { cause: error },
  );
}
