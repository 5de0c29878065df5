/** Filters on disk: a folder of filter.json and filter.safetensors, which are untrusted when they are read. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QuickstepError } from '../../errors.ts';
import { CheckpointFile } from '../../weights/checkpoint-file.ts';
import { readSafetensorsHeader } from '../../weights/safetensors.ts';
import { type TensorData, writeError, writeSafetensors } from '../../weights/safetensors-write.ts';
import { findFolder } from '../../weights/source-local.ts';
import { ConfidenceFilter, type FilterFacts, filterSchema, filterShapes } from './confidence-filter.ts';

const factsName = 'filter.json';
const weightsName = 'filter.safetensors';

const damaged = (path: string, problem: string, cause?: unknown): QuickstepError =>
  new QuickstepError('bad-file', `${path}: ${problem}.`, 'Train it again: quickstep train learn2pd.', {
    cause,
  });

async function readFacts(path: string): Promise<FilterFacts> {
  let raw: unknown;
  try {
    raw = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw damaged(path, 'it is not valid JSON', cause);
  }
  const parsed = filterSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [{ path: field, message }] = parsed.error.issues;
  throw damaged(path, `"${field.join('.')}": ${message}`);
}

/**
 * Reads a filter by the path of its folder, or by its name in the package.
 * @throws QuickstepError 'not-found' when there is none, 'bad-file' for one that is damaged.
 */
export async function openFilter(id: string): Promise<ConfidenceFilter> {
  const folder = await findFolder(id, factsName);
  if (!folder) {
    const hint = 'Name the folder of a filter; quickstep train learn2pd makes one in runs/learn2pd/model.';
    throw new QuickstepError('not-found', `There is no filter ${JSON.stringify(id)}.`, hint);
  }
  const facts = await readFacts(join(folder, factsName));
  const path = join(folder, weightsName);
  const file = await CheckpointFile.open(path);
  try {
    const { tensors } = await readSafetensorsHeader(file);
    const weights = new Map<string, Float32Array>();
    for (const [name, shape] of filterShapes(facts)) {
      const tensor = tensors.get(name);
      if (tensor?.shape.join() !== shape.join())
        throw damaged(path, `it has no ${name} of shape [${shape.join(', ')}]`);
      weights.set(name, await file.floats(tensor.offset, tensor.elements, tensor.type));
    }
    return new ConfidenceFilter(facts, weights);
  } finally {
    await file.close();
  }
}

/** Writes a filter into a folder. @throws QuickstepError 'no-space' when the disk is full. */
export async function saveFilter(folder: string, { facts, weights }: ConfidenceFilter): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, factsName), `${JSON.stringify(facts, null, 1)}\n`);
  } catch (error) {
    throw writeError(error, folder);
  }
  const tensors = new Map<string, TensorData>();
  for (const [name, shape] of filterShapes(facts))
    tensors.set(name, { dtype: 'F32', shape, data: weights.get(name)! });
  await writeSafetensors(join(folder, weightsName), tensors);
}
