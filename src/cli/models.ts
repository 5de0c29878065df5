/** `quickstep models`: what is on this machine, and the names Quickstep knows. */

import { cacheFolder } from '../weights/cache-folder.ts';
import { listModels } from '../weights/list-models.ts';
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
