/** Draft heads on disk: a folder of heads.json and heads.safetensors, which are untrusted when they are read. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import { CheckpointFile } from '../../weights/checkpoint-file.ts';
import { readSafetensorsHeader } from '../../weights/safetensors.ts';
import { type TensorData, writeError, writeSafetensors } from '../../weights/safetensors-write.ts';
import { findFolder } from '../../weights/source-local.ts';
import type { LanguageModel } from '../language-model.ts';

const factsName = 'heads.json';
const weightsName = 'heads.safetensors';

/** What all kinds of heads say about themselves. */
export const headFacts = {
  /** The model they were trained on. */
  model: z.string().max(200),
  hiddenSize: z.int().min(1).max(65536),
  vocabSize: z
    .int()
    .min(1)
    .max(1 << 22),
  /** How many tokens ahead they look, beside the one the model itself gives. */
  heads: z.int().min(1).max(8),
  /**
   * accuracies[h][r]: how often the token of rank r of head h was right on held-out answers, those of all heads before
   * being so.
   */
  accuracies: z
    .array(z.array(z.number().min(0).max(1)).min(1).max(64))
    .min(1)
    .max(8),
  /** Tokens that are drafted, the output head's rows in this order. */
  tokens: z
    .array(z.int().min(0))
    .min(2)
    .max(1 << 20),
};

export interface HeadFacts {
  kind: string;
  model: string;
  hiddenSize: number;
  vocabSize: number;
  heads: number;
  accuracies: readonly (readonly number[])[];
  tokens: readonly number[];
}

export type HeadWeights = ReadonlyMap<string, Float32Array>;
export type HeadShapes = ReadonlyMap<string, readonly number[]>;

const damaged = (path: string, problem: string, kind: string, cause?: unknown): QuickstepError =>
  new QuickstepError('bad-file', `${path}: ${problem}.`, `Train it again: quickstep train ${kind}.`, {
    cause,
  });

/**
 * Reads draft heads by the path of their folder, or by their name in the package.
 * @param kind What they must be, and the recipe that makes them.
 * @throws QuickstepError 'not-found' when there are none, 'bad-file' for damaged ones, 'unsupported' for those of another
 * model.
 */
export async function openHeadFile<F extends HeadFacts>(
  id: string,
  kind: string,
  { config, id: modelId }: Pick<LanguageModel, 'config' | 'id'>,
  { facts: schema, shapes }: { facts: z.ZodType<F>; shapes: (facts: F) => HeadShapes },
): Promise<{ facts: F; weights: HeadWeights }> {
  const folder = await findFolder(id, factsName);
  if (!folder) {
    const hint = `Name the folder of such heads; quickstep train ${kind} makes one in runs/${kind}/model.`;
    throw new QuickstepError('not-found', `There are no draft heads ${JSON.stringify(id)}.`, hint);
  }
  const facts = await readFacts(join(folder, factsName), kind, schema);
  const { hiddenSize, vocabSize } = config;
  if (facts.hiddenSize !== hiddenSize || facts.vocabSize !== vocabSize) {
    const what = `The draft heads ${JSON.stringify(id)} were trained on ${facts.model}, not on ${modelId}.`;
    throw new QuickstepError(
      'unsupported',
      what,
      `Name heads of this model, or train some: quickstep train ${kind}.`,
    );
  }
  const path = join(folder, weightsName);
  const file = await CheckpointFile.open(path);
  try {
    const { tensors } = await readSafetensorsHeader(file);
    const weights = new Map<string, Float32Array>();
    for (const [name, shape] of shapes(facts)) {
      const tensor = tensors.get(name);
      if (tensor?.shape.join() !== shape.join())
        throw damaged(path, `it has no ${name} of shape [${shape.join(', ')}]`, kind);
      weights.set(name, await file.floats(tensor.offset, tensor.elements, tensor.type));
    }
    return { facts, weights };
  } finally {
    await file.close();
  }
}

async function readFacts<F extends HeadFacts>(path: string, kind: string, schema: z.ZodType<F>): Promise<F> {
  let raw: unknown;
  try {
    raw = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw damaged(path, 'it is not valid JSON', kind, cause);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const [{ path: field, message }] = parsed.error.issues;
    throw damaged(path, `"${field.join('.')}": ${message}`, kind);
  }
  const { tokens, vocabSize } = parsed.data;
  if (tokens.some((token) => token >= vocabSize) || new Set(tokens).size < tokens.length)
    throw damaged(path, 'its tokens are no different tokens of the vocabulary', kind);
  return parsed.data;
}

/** Writes draft heads into a folder. @throws QuickstepError 'no-space' when the disk is full. */
export async function saveHeadFile<F extends HeadFacts>(
  folder: string,
  facts: F,
  shapes: HeadShapes,
  weights: HeadWeights,
): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, factsName), `${JSON.stringify(facts)}\n`);
  } catch (error) {
    throw writeError(error, folder);
  }
  const tensors = new Map<string, TensorData>();
  for (const [name, shape] of shapes) tensors.set(name, { dtype: 'F16', shape, data: weights.get(name)! });
  await writeSafetensors(join(folder, weightsName), tensors);
}
