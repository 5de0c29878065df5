/**
 * Small models of our own on disk: a folder with facts as `<name>.json` and weights in float32 as `<name>.safetensors`. Both
 * are untrusted when they are read.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { readSafetensorsHeader } from './safetensors.ts';
import { type TensorData, writeError, writeSafetensors } from './safetensors-write.ts';
import { findFolder } from './source-local.ts';

/** A kind of such a model. */
export interface FactKind<F> {
  /** Of its files, and in messages: 'filter'. */
  readonly name: string;
  /** The recipe that makes one. */
  readonly recipe: string;
  readonly schema: z.ZodType<F>;
  /** Weights by name with their shapes. */
  shapes(facts: F): ReadonlyMap<string, readonly number[]>;
}

export interface FactFolder<F> {
  readonly facts: F;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/**
 * Reads a model by the path of its folder, or by its name in the package.
 * @throws QuickstepError 'not-found' when there is none, 'bad-file' for one that is damaged
 */
export async function openFacts<F>(id: string, kind: FactKind<F>): Promise<FactFolder<F>> {
  const { name, recipe, schema, shapes } = kind;
  const folder = await findFolder(id, `${name}.json`);
  if (!folder) {
    const hint = `Name the folder of a ${name}; quickstep train ${recipe} makes one in runs/${recipe}/model.`;
    throw new QuickstepError('not-found', `There is no ${name} ${JSON.stringify(id)}.`, hint);
  }
  const damaged = (path: string, problem: string, cause?: unknown) => {
    const hint = `Train it again: quickstep train ${recipe}.`;
    return new QuickstepError('bad-file', `${path}: ${problem}.`, hint, { cause });
  };
  const factsPath = join(folder, `${name}.json`);
  let raw: unknown;
  try {
    raw = JSON.parse(await readFile(factsPath, 'utf8'));
  } catch (cause) {
    throw damaged(factsPath, 'it is not valid JSON', cause);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const [{ path: field, message }] = parsed.error.issues;
    throw damaged(factsPath, `"${field.join('.')}": ${message}`);
  }
  const path = join(folder, `${name}.safetensors`);
  const file = await CheckpointFile.open(path);
  try {
    const { tensors } = await readSafetensorsHeader(file);
    const weights = new Map<string, Float32Array>();
    for (const [key, shape] of shapes(parsed.data)) {
      const tensor = tensors.get(key);
      if (tensor?.shape.join() !== shape.join())
        throw damaged(path, `it has no ${key} of shape [${shape.join(', ')}]`);
      weights.set(key, await file.floats(tensor.offset, tensor.elements, tensor.type));
    }
    return { facts: parsed.data, weights };
  } finally {
    await file.close();
  }
}

/** Writes a model into a folder. @throws QuickstepError 'no-space' when the disk is full. */
export async function saveFacts<F>(
  folder: string,
  { name, shapes }: FactKind<F>,
  { facts, weights }: FactFolder<F>,
): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${name}.json`), `${JSON.stringify(facts, null, 1)}\n`);
  } catch (error) {
    throw writeError(error, folder);
  }
  const tensors = new Map<string, TensorData>();
  for (const [key, shape] of shapes(facts))
    tensors.set(key, { dtype: 'F32', shape, data: weights.get(key)! });
  await writeSafetensors(join(folder, `${name}.safetensors`), tensors);
}
