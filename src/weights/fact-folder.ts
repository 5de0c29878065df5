/**
 * Small models of our own: a folder with facts as `<name>.json` and weights in float32 as `<name>.safetensors`. Both
 * are untrusted when they are read.
 */

import type { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import type { FindFolder } from './folder.ts';
import { readSafetensorsHeader } from './safetensors.ts';

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
export async function readFacts<F>(
  id: string,
  kind: FactKind<F>,
  findFolder: FindFolder,
): Promise<FactFolder<F>> {
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
  const factsPath = `${folder.path}/${name}.json`;
  let raw: unknown;
  try {
    raw = JSON.parse((await folder.text(`${name}.json`))!);
  } catch (cause) {
    throw damaged(factsPath, 'it is not valid JSON', cause);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const [{ path: field, message }] = parsed.error.issues;
    throw damaged(factsPath, `"${field.join('.')}": ${message}`);
  }
  const file = await folder.open(`${name}.safetensors`);
  try {
    const { tensors } = await readSafetensorsHeader(file);
    const weights = new Map<string, Float32Array>();
    for (const [key, shape] of shapes(parsed.data)) {
      const tensor = tensors.get(key);
      if (tensor?.shape.join() !== shape.join())
        throw damaged(file.path, `it has no ${key} of shape [${shape.join(', ')}]`);
      weights.set(key, await file.floats(tensor.offset, tensor.elements, tensor.type));
    }
    return { facts: parsed.data, weights };
  } finally {
    await file.close();
  }
}
