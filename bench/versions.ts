/** Versions of installed packages. */

import { readFile } from 'node:fs/promises';

/** The version in a package.json; the path is relative to bench/. */
export async function versionOf(path: string): Promise<string> {
  return JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')).version;
}
