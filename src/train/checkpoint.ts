/**
 * A training run on disk: everything the next step depends on, in one safetensors file that is replaced as a whole
 * (written beside it, synced, renamed), so that whatever kills the process leaves the last complete one.
 */

import { access } from 'node:fs/promises';
import { QuickstepError } from '../errors.ts';
import { CheckpointFile } from '../weights/checkpoint-file.ts';
import { readSafetensorsHeader } from '../weights/safetensors.ts';
import { type TensorData, writeSafetensors } from '../weights/safetensors-write.ts';
import type { Parameters } from './parameters.ts';

/** What makes two runs the same; a checkpoint of another one is refused. */
export interface RunIdentity {
  recipe: string;
  seed: number;
  steps: number;
}

/** The tensors of a run by kind: 'parameter', 'optimizer', 'average'. */
export type RunState = Readonly<Record<string, Parameters>>;

/** @throws QuickstepError 'no-space' when the disk is full; the last checkpoint is then still there. */
export async function saveCheckpoint(
  path: string,
  identity: RunIdentity,
  step: number,
  state: RunState,
): Promise<void> {
  const tensors = new Map<string, TensorData>();
  for (const [kind, parameters] of Object.entries(state)) {
    for (const [name, { shape, data }] of parameters)
      tensors.set(`${kind}/${name}`, { dtype: 'F32', shape, data });
  }
  await writeSafetensors(path, tensors, { run: JSON.stringify(identity), step: String(step) });
}

/**
 * Overwrites the run's tensors with a checkpoint's, and returns its step; 0 when there is no checkpoint.
 * @throws QuickstepError 'bad-file' for a file that is no checkpoint of this model, 'bad-option' for another run's.
 */
export async function restoreCheckpoint(
  path: string,
  identity: RunIdentity,
  state: RunState,
): Promise<number> {
  try {
    await access(path);
  } catch {
    return 0;
  }
  const file = await CheckpointFile.open(path);
  try {
    const { metadata, tensors } = await readSafetensorsHeader(file);
    const step = Number(metadata.step);
    if (!Number.isInteger(step) || step < 0 || metadata.run === undefined)
      throw new QuickstepError(
        'bad-file',
        `${path} is not a training checkpoint.`,
        'Choose another --out folder.',
      );
    if (metadata.run !== JSON.stringify(identity)) {
      const hint = 'Give the same recipe, seed and steps to go on, or another --out folder.';
      throw new QuickstepError('bad-option', `${path} belongs to the run ${metadata.run}.`, hint);
    }
    for (const [kind, parameters] of Object.entries(state)) {
      for (const [name, { data }] of parameters) {
        const stored = tensors.get(`${kind}/${name}`);
        if (stored?.elements !== data.length || stored.type.name !== 'F32') {
          const hint = 'Another version of the recipe made it; choose another --out folder.';
          throw new QuickstepError(
            'bad-file',
            `${path} has no ${kind}/${name} of ${data.length} numbers.`,
            hint,
          );
        }
        data.set(await file.floats(stored.offset, stored.elements, stored.type));
      }
    }
    return step;
  } finally {
    await file.close();
  }
}
