/** Small models of our own on this machine, see fact-folder.ts. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FactFolder, type FactKind, readFacts } from './fact-folder.ts';
import { writeError } from './replace-file.ts';
import { type TensorData, writeSafetensors } from './safetensors-write.ts';
import { findFolder } from './source-local.ts';

/** As `readFacts`, on this machine. */
export const openFacts = <F>(id: string, kind: FactKind<F>): Promise<FactFolder<F>> =>
  readFacts(id, kind, findFolder);

/** Writes a model into a folder. @throws QuickstepError 'no-space' when the disk is full. */
export async function saveFacts<F>(
  folder: string,
  { name, shapes }: Pick<FactKind<F>, 'name' | 'shapes'>,
  { facts, weights }: FactFolder<F>,
  dtype: 'F32' | 'F16' = 'F32',
): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${name}.json`), `${JSON.stringify(facts, null, 1)}\n`);
  } catch (error) {
    throw writeError(error, folder);
  }
  const tensors = new Map<string, TensorData>();
  for (const [key, shape] of shapes(facts)) tensors.set(key, { dtype, shape, data: weights.get(key)! });
  await writeSafetensors(join(folder, `${name}.safetensors`), tensors);
}
