/**
 * Where fetched models live, and which of them are whole.
 *   hub/<owner>/<name>/      files of a hub repository; `config.json` arrives last and marks the set as whole
 *   wheel/<owner>/<name>/    one GGUF file taken out of a Python wheel
 *   incoming/, locks/        unfinished downloads and the locks of the processes making them
 * Every path is built from names that passed `isPlainName`, so nothing can point outside.
 */

import { access, constants, mkdir, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { QuickstepError } from '../errors.ts';
import { type HubId, isPlainName, parseHubId } from './known-models.ts';

/** Kinds of cached models; also the folder names. */
export type CacheSource = 'hub' | 'wheel';

export interface CachedModel {
  id: string;
  /** What `openCheckpoint` takes: a folder or a .gguf file. */
  path: string;
  bytes: number;
}

/**
 * The cache's absolute path: the argument, else `$QUICKSTEP_CACHE`, else `$XDG_CACHE_HOME/quickstep`, else
 * `%LOCALAPPDATA%\quickstep` on Windows, else `~/.cache/quickstep`. Nothing is created.
 */
export function cacheFolder(cacheDir?: string): string {
  const { QUICKSTEP_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (cacheDir) return resolve(cacheDir);
  if (QUICKSTEP_CACHE) return resolve(QUICKSTEP_CACHE);
  if (XDG_CACHE_HOME) return resolve(XDG_CACHE_HOME, 'quickstep');
  if (process.platform === 'win32' && LOCALAPPDATA) return resolve(LOCALAPPDATA, 'quickstep');
  return join(homedir(), '.cache', 'quickstep');
}

/** Creates the cache. @throws QuickstepError `bad-option` when that or writing into it is not allowed. */
export async function prepareCache(cache: string): Promise<void> {
  try {
    await mkdir(join(cache, 'locks'), { recursive: true });
    await access(join(cache, 'locks'), constants.W_OK);
  } catch (error) {
    throw new QuickstepError(
      'bad-option',
      `The cache folder ${cache} cannot be written (${(error as NodeJS.ErrnoException).code}).`,
      'Set QUICKSTEP_CACHE to a folder of yours.',
      { cause: error },
    );
  }
}

/** Folder of a model's finished files. */
export function modelFolder(cache: string, source: CacheSource, { owner, name }: HubId): string {
  return join(cache, source, owner, name);
}

/** Folder of one pull's unfinished files; `~` occurs in no id, so pulls never share one. */
export function incomingFolder(cache: string, source: CacheSource, { owner, name, file }: HubId): string {
  return join(cache, 'incoming', source, owner, file === undefined ? name : `${name}~${file}`);
}

/** Folder that is the model's lock while it exists. */
export function lockFolder(cache: string, { owner, name }: HubId): string {
  return join(cache, 'locks', `${owner}~${name}`);
}

/** Names in a folder without hidden ones (some systems add `._x` beside `x`); none when it does not exist. */
async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  } catch {
    return [];
  }
}

const isGguf = (name: string): boolean => name.toLowerCase().endsWith('.gguf');
const isSafetensors = (name: string): boolean => name.endsWith('.safetensors');

/** True when a folder holds a whole model in Hugging Face layout. */
function isModelFolder(names: readonly string[]): boolean {
  return names.includes('config.json') && names.some(isSafetensors);
}

/**
 * The weights inside any folder: the folder itself in Hugging Face layout, or its only .gguf file.
 * `undefined` when there are none, or several GGUF files to choose from.
 */
export async function weightsIn(folder: string): Promise<string | undefined> {
  const names = await list(folder);
  if (isModelFolder(names)) return folder;
  const ggufs = names.filter(isGguf);
  return ggufs.length === 1 ? join(folder, ggufs[0]) : undefined;
}

/** The cached path of a hub id, from one source or the first that has it (hub, then wheel). */
export async function findCached(
  cache: string,
  id: string,
  source?: CacheSource,
): Promise<string | undefined> {
  const parsed = parseHubId(id);
  for (const kind of source ? [source] : (['hub', 'wheel'] as const)) {
    const folder = modelFolder(cache, kind, parsed);
    if (parsed.file === undefined) {
      const found = await weightsIn(folder);
      if (found) return found;
    } else if ((await list(folder)).includes(parsed.file)) {
      return join(folder, parsed.file);
    }
  }
  return undefined;
}

async function sizeOf(folder: string, names: readonly string[]): Promise<number> {
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Every whole model in the cache, hub before wheel, each sorted by id. An absent cache is an empty list. */
export async function cachedModels(cacheDir?: string): Promise<CachedModel[]> {
  const cache = cacheFolder(cacheDir);
  const found: CachedModel[] = [];
  for (const source of ['hub', 'wheel'] as const) {
    for (const owner of (await list(join(cache, source))).filter(isPlainName)) {
      for (const name of (await list(join(cache, source, owner))).filter(isPlainName)) {
        const folder = modelFolder(cache, source, { owner, name, file: undefined });
        const names = await list(folder);
        const rest = names.filter((file) => !isGguf(file));
        if (isModelFolder(names)) {
          found.push({ id: `${owner}/${name}`, path: folder, bytes: await sizeOf(folder, rest) });
        }
        for (const file of names.filter((file) => isGguf(file) && isPlainName(file))) {
          const id = source === 'wheel' ? `${owner}/${name}` : `${owner}/${name}/${file}`;
          found.push({ id, path: join(folder, file), bytes: await sizeOf(folder, [file]) });
        }
      }
    }
  }
  return found;
}
