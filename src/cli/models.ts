/** `quickstep models`: what is on this machine, and the names Quickstep knows. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../weights/cache-folder.ts';
import { KNOWN_MODELS } from '../weights/known-models.ts';
import { cachedModels } from '../weights/pull.ts';
import { findHouse, houseModels } from '../weights/source-local.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, outputColumns, printJson, printLines } from './command.ts';
import { formatBytes } from './progress.ts';
import { tableLines } from './table.ts';

export const modelsCommand: Command = {
  name: 'models',
  usage: 'models',
  title: 'models on this machine, and known names',
  summary:
    'Lists the models that ship with Quickstep, those in the cache, and known ones that are not here yet. QUICKSTEP_CACHE names another cache folder.',
  examples: ['models', 'models --json'],
  groups: () => [commonGroup],
  run: runModels,
};

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

async function runModels(args: ParsedArgs): Promise<void> {
  const entries = await listModels();
  if (args.values(commonOptions).json) {
    printJson(entries);
    return;
  }
  const head = [
    { title: 'model' },
    { title: 'alias' },
    { title: 'size', right: true },
    { title: 'state' },
    { title: 'where', flexible: true },
  ];
  const cells = entries.map(({ id, alias, bytes, state, path }) => [
    id,
    alias && alias !== id ? alias : '',
    bytes === null ? '' : formatBytes(bytes),
    state,
    path ?? `quickstep pull ${alias ?? id}`,
  ]);
  printLines([...tableLines(head, cells, outputColumns()), '', `Cache: ${cacheFolder()}`]);
}
