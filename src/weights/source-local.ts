/**
 * Models that are already on this machine without the cache: a path, or a house model in the package's own
 * `models/<id>/` folder.
 */

import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QuickstepError } from '../errors.ts';
import { weightsIn } from './cache-folder.ts';
import { diskFolder } from './disk-folder.ts';
import type { FindFolder } from './folder.ts';
import { isPlainName } from './known-models.ts';

// Two levels up from here is the package, for src/weights/ as for dist/weights/.
const houseFolder = fileURLToPath(new URL('../../models', import.meta.url));

/** True for an id that can only be meant as a path: `./x`, `../x`, `.`, `~/x`, `/x`, `C:\x`, `a\b`. */
export function isPathLike(id: string): boolean {
  return isAbsolute(id) || /^(\.{1,2}|~)([\\/]|$)/.test(id) || id.includes('\\') || /^[A-Za-z]:/.test(id);
}

const pathOf = (id: string): string => resolve(id.replace(/^~(?=[\\/]|$)/, homedir()));
const isWeights = (name: string): boolean => /\.(gguf|safetensors)$/i.test(name);

/**
 * The checkpoint a path names. A folder in Hugging Face layout and any file are returned as they are; a folder
 * whose only weights are one .gguf file gives that file. Text that merely could be a path counts as one only
 * when weights are really there.
 * @throws QuickstepError `not-found` when `id` can only be a path and nothing usable is there.
 */
export async function findLocal(id: string): Promise<string | undefined> {
  const path = pathOf(id);
  const found = await stat(path).catch(() => undefined);
  const weights = found?.isDirectory()
    ? await weightsIn(path)
    : found?.isFile() && isWeights(path)
      ? path
      : undefined;
  if (weights || !isPathLike(id)) return weights;
  throw new QuickstepError(
    'not-found',
    `There is no checkpoint at ${path}.`,
    found?.isDirectory()
      ? 'The folder must hold config.json and *.safetensors files, or exactly one .gguf file.'
      : 'Name a .gguf or .safetensors file, or a folder with config.json and *.safetensors files.',
  );
}

/** A folder, named as a path or by its config.json, that has a configuration and no weights. */
export async function findConfigFolder(id: string): Promise<string | undefined> {
  const path = pathOf(id);
  const folder = basename(path) === 'config.json' ? dirname(path) : path;
  const names: string[] = await readdir(folder).catch(() => []);
  return names.includes('config.json') && !names.some(isWeights) ? folder : undefined;
}

/** The folder of a house model, which ships with the package. */
export async function findHouse(id: string): Promise<string | undefined> {
  return isPlainName(id) ? weightsIn(join(houseFolder, id)) : undefined;
}

/**
 * A folder of weights that are no model of their own, by path or by its name in the package, which has a file
 * `member`; `undefined` when there is none.
 */
export const findFolder: FindFolder = async (id, member) => {
  for (const path of [pathOf(id), ...(isPlainName(id) ? [join(houseFolder, id)] : [])])
    if ((await readdir(path).catch((): string[] => [])).includes(member)) return diskFolder(path);
  return undefined;
};

/** Ids of all house models present. */
export async function houseModels(): Promise<string[]> {
  const names = await readdir(houseFolder).catch(() => []);
  const found = await Promise.all(names.map(findHouse));
  return names.filter((_, index) => found[index] !== undefined).sort();
}
