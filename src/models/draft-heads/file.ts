/** Draft heads as folders of heads.json and heads.safetensors. */

import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import { readFacts } from '../../weights/fact-folder.ts';
import type { FindFolder } from '../../weights/folder.ts';
import type { LanguageModel } from '../language-model.ts';

const name = 'heads';

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

/**
 * Reads draft heads by the path of their folder, or by their name in the package.
 * @param kind What they must be, and the recipe that makes them.
 * @throws QuickstepError as `readFacts`, 'unsupported' for those of another model.
 */
export async function openHeadFile<F extends HeadFacts>(
  id: string,
  kind: string,
  model: Pick<LanguageModel, 'config' | 'id' | 'findFolder'>,
  { facts: schema, shapes }: { facts: z.ZodType<F>; shapes: (facts: F) => HeadShapes },
): Promise<{ facts: F; weights: HeadWeights }> {
  const noFolder: FindFolder = async () => undefined;
  const read = await readFacts(
    id,
    {
      name,
      recipe: kind,
      schema: schema.refine(draftsTokens, 'no different tokens of the vocabulary'),
      shapes,
    },
    model.findFolder ?? noFolder,
  );
  const { hiddenSize, vocabSize, model: trainedOn } = read.facts;
  if (hiddenSize !== model.config.hiddenSize || vocabSize !== model.config.vocabSize) {
    const what = `The draft heads ${JSON.stringify(id)} were trained on ${trainedOn}, not on ${model.id}.`;
    const hint = `Name heads of this model, or train some: quickstep train ${kind}.`;
    throw new QuickstepError('unsupported', what, hint);
  }
  return read;
}

const draftsTokens = ({ tokens, vocabSize }: HeadFacts): boolean =>
  tokens.every((token) => token < vocabSize) && new Set(tokens).size === tokens.length;
