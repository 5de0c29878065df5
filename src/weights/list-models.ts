/** Every model there is to name: those on this machine, and those that Quickstep knows. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedModels } from './cache-folder.ts';
import { KNOWN_MODELS } from './known-models.ts';
import { findHouse, houseModels } from './source-local.ts';

/** One model; without a path it is not on this machine. */
export interface ModelEntry {
  id: string;
  alias: string | null;
  state: 'house' | 'cached' | 'not here';
  bytes: number | null;
  path: string | null;
  summary: string | null;
}

async function sizeOf(path: string): Promise<number> {
  const names = await readdir(path);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** House models, then cached ones, then known ones that are not here. */
export async function listModels(): Promise<ModelEntry[]> {
  const entries: ModelEntry[] = [];
  const add = (id: string, rest: Pick<ModelEntry, 'state' | 'bytes' | 'path'>) => {
    const known = KNOWN_MODELS.find((model) => model.id === id);
    entries.push({ id, alias: known?.alias ?? null, ...rest, summary: known?.summary ?? null });
  };
  for (const id of await houseModels()) {
    const path = (await findHouse(id))!;
    add(id, { state: 'house', bytes: await sizeOf(path), path });
  }
  for (const { id, bytes, path } of await cachedModels()) add(id, { state: 'cached', bytes, path });
  for (const { id } of KNOWN_MODELS) {
    if (!entries.some((entry) => entry.id === id)) add(id, { state: 'not here', bytes: null, path: null });
  }
  return entries;
}
