/** From a model's name to a loaded model. */

import { openCheckpoint } from '../weights/checkpoint.ts';
import { type PullOptions, pull } from '../weights/pull.ts';
import { findFolder } from '../weights/source-local.ts';
import type { LanguageModel } from './language-model.ts';
import { type CheckpointOptions, loadCheckpoint } from './load-checkpoint.ts';

export interface LoadOptions extends Omit<CheckpointOptions, 'id' | 'findFolder'> {
  /** Where to find or fetch the checkpoint. */
  pull?: PullOptions;
}

/**
 * Loads a model by id, alias or path; it is fetched on first use.
 * @throws QuickstepError 'offline' or 'not-found' when it cannot be had, 'bad-file' or 'unsupported' when it cannot
 * be read, and the signal's reason when aborted.
 */
export async function load(id: string, options: LoadOptions = {}): Promise<LanguageModel> {
  const { signal } = options;
  const path = await pull(id, { signal, ...options.pull });
  const checkpoint = await openCheckpoint(path);
  try {
    return await loadCheckpoint(checkpoint, { findFolder, ...options, id });
  } finally {
    await checkpoint.close();
  }
}
