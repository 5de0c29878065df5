/**
 * A training run on disk: everything the next step depends on, in one safetensors file that is replaced as a whole
 * (written beside it, synced, renamed), so that whatever kills the process leaves the last complete one.
 */

import { access } from 'node:fs/promises';
import { QuickstepError } from '../errors.ts';
import { CheckpointFile } from '../weights/checkpoint-file.ts';
import { readSafetensorsHeader, type SafetensorsTensor } from '../weights/safetensors.ts';
import { type TensorData, writeSafetensors } from '../weights/safetensors-write.ts';
import type { Parameters } from './parameters.ts';

/** What makes two runs the same; a checkpoint of another one is refused. */
export interface RunIdentity {
  recipe: string;
  seed: number;
  steps: number;
}

/** An identity in a checkpoint's header. */
const written = ({ recipe, seed, steps }: RunIdentity) => JSON.stringify({ recipe, seed, steps });

/** The tensors of a run by kind: 'parameter', 'optimizer', 'average', 'plan'. */
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
  await writeSafetensors(path, tensors, { run: written(identity), step: String(step) });
}

interface OpenCheckpoint {
  file: CheckpointFile;
  step: number;
  tensors: ReadonlyMap<string, SafetensorsTensor>;
}

async function readHeader(file: CheckpointFile) {
  try {
    return await readSafetensorsHeader(file);
  } catch (cause) {
    // The reader's own hints are about files that can be fetched again.
    if (!QuickstepError.isInstance(cause)) throw cause;
    const hint = 'Delete it to begin again, or choose another --out folder.';
    throw new QuickstepError('bad-file', `The checkpoint ${file.path} is damaged.`, hint, { cause });
  }
}

/** Opens a checkpoint of this run, for as long as `use` runs; undefined when there is none. */
async function withCheckpoint<T>(
  path: string,
  identity: RunIdentity,
  use: (checkpoint: OpenCheckpoint) => T | Promise<T>,
): Promise<T | undefined> {
  try {
    await access(path);
  } catch {
    return undefined;
  }
  const file = await CheckpointFile.open(path);
  try {
    const { metadata, tensors } = await readHeader(file);
    const step = Number(metadata.step);
    if (!Number.isInteger(step) || step < 0 || metadata.run === undefined)
      throw new QuickstepError(
        'bad-file',
        `${path} is not a training checkpoint.`,
        'Choose another --out folder.',
      );
    if (metadata.run !== written(identity)) {
      const hint = 'Give the same recipe, seed and steps to go on, or another --out folder.';
      throw new QuickstepError('bad-option', `${path} belongs to the run ${metadata.run}.`, hint);
    }
    return await use({ file, step, tensors });
  } finally {
    await file.close();
  }
}

/**
 * Step of a run's checkpoint; 0 when there is none.
 * @throws QuickstepError 'bad-file' for a file that is no checkpoint, 'bad-option' for another run's.
 */
export async function checkpointStep(path: string, identity: RunIdentity): Promise<number> {
  return (await withCheckpoint(path, identity, ({ step }) => step)) ?? 0;
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
  const step = await withCheckpoint(path, identity, async ({ file, step, tensors }) => {
    const otherVersion = (problem: string) => {
      const hint = 'Another version of the recipe made it; choose another --out folder.';
      return new QuickstepError('bad-file', `${path} ${problem}.`, hint);
    };
    let count = 0;
    for (const [kind, parameters] of Object.entries(state)) {
      for (const [name, { shape, data }] of parameters) {
        const stored = tensors.get(`${kind}/${name}`);
        if (stored?.shape.join() !== shape.join() || stored.type.name !== 'F32')
          throw otherVersion(`has no ${kind}/${name} of shape [${shape.join(', ')}]`);
        data.set(await file.floats(stored.offset, stored.elements, stored.type));
        count++;
      }
    }
    // A model that lost a layer would otherwise go on from the layers that are left.
    if (tensors.size !== count) throw otherVersion(`has ${tensors.size} tensors, the run ${count}`);
    return step;
  });
  return step ?? 0;
}
