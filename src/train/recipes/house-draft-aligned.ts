/**
 * house-draft-aligned: house-draft fine-tuned to draft for house-causal, from house-causal's own answers to training
 * problems, after "Direct Alignment of Draft Model for Speculative Decoding with Chat-Fine-Tuned LLMs"
 * (arXiv:2403.00858). Its first stage, pretraining, is the recipe house-draft.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { generateBatch } from '../../decode/generate.ts';
import { QuickstepError } from '../../errors.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import type { EncodedProblem } from '../../tasks/index.ts';
import {
  type DistillationLoss,
  distillationObjective,
  isTrained,
  withoutTarget,
  withTarget,
} from '../distillation.ts';
import { cachedLines } from '../line-cache.ts';
import { openTrainable, type Trainable } from '../open-trainable.ts';
import { AdamW } from '../optimizers/adamw.ts';
import { defineRecipe, type Recipe, type RecipeOptions } from '../recipe.ts';
import { cosineSchedule } from '../schedule.ts';
import { byLength, causalBatch } from '../sequences.ts';
import { answerTokens } from './house.ts';
import { Mixture } from './mixture.ts';
import { fingerprint } from './teacher.ts';

/** The settings that drafts will be used with, in turn: answers of one temperature alone would teach one. */
const temperatures = [0, 0.3, 0.7, 1];
const maxTokens = 96;
/** One example in ten is a problem of pretraining with its right answer, lest the draft forget. */
const pretrainingShare = 0.1;
/** Problems answered at once, and between two writes to the file. */
const atOnce = 64;

const answerSchema = z.object({ tokens: z.array(z.int().min(0)).min(1), ended: z.boolean() });
type Answer = z.output<typeof answerSchema>;

/** Answers of the target to prompts from number `first` on. Batches of them have a temperature and a seed each. */
async function answersOf(
  target: LanguageModel,
  prompts: readonly (readonly number[])[],
  { first, seed, signal }: { first: number; seed: number; signal?: AbortSignal },
): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (answers.length < prompts.length) {
    const batch = Math.floor((first + answers.length) / atOnce);
    const requests = prompts
      .slice(answers.length, (batch + 1) * atOnce - first)
      .map((tokens) => ({ tokens }));
    const temperature = temperatures[batch % temperatures.length];
    const options = { temperature, topP: 0.95, seed: seed + batch, maxTokens, signal };
    for (const { tokens, finish } of await generateBatch(target, requests, options).result)
      answers.push({ tokens, ended: finish === 'eos' });
  }
  return answers;
}

/** What the target wrote for training problems: prompts with answers that came to their end. */
async function distillationSet(
  id: string,
  target: Trainable,
  count: number,
  { seed, folder, runtime, signal, onAnswers }: RecipeOptions,
): Promise<EncodedProblem[]> {
  const mixture = new Mixture(seed, target.encode);
  const prompts = Array.from({ length: count }, (_, n) => {
    const [{ tokens, answerStart }] = mixture.examples(n, 1, 1);
    return [...tokens.subarray(0, answerStart)];
  });
  let model: LanguageModel | undefined;
  try {
    const answers = await cachedLines({
      path: folder && join(folder, 'answers.jsonl'),
      identity: { teacher: fingerprint(target.parameters), seed },
      count,
      batch: atOnce,
      schema: answerSchema,
      make: async (first, end) => {
        model ??= await load(id, { ...runtime, signal });
        return await answersOf(model, prompts.slice(first, end), { first, seed, signal });
      },
      onProgress: onAnswers,
    });
    // Answers that were cut would teach the draft never to end one.
    const ended = answers.flatMap(({ tokens, ended }, n) =>
      ended ? [{ tokens: Int32Array.from([...prompts[n], ...tokens]), answerStart: prompts[n].length }] : [],
    );
    if (ended.length > 0) return ended;
    const hint = 'Train it further first: the draft learns from its answers.';
    throw new QuickstepError('no-progress', `${id} ended none of ${count} answers.`, hint);
  } finally {
    await model?.[Symbol.asyncDispose]();
  }
}

export interface AlignedRecipe extends Pick<Recipe, 'slug' | 'title' | 'summary'> {
  /** Ids of the model that is trained, and of the one it drafts for. */
  draft: string;
  target: string;
  loss: DistillationLoss;
  learningRate?: number;
  /** Default 48. */
  examplesPerStep?: number;
}

/** A recipe of a draft model that is aligned with a target by some loss. */
export function alignedRecipe(recipe: AlignedRecipe): Recipe {
  const { draft: draftId, target: targetId, loss, ...more } = recipe;
  const { learningRate = 2e-4, examplesPerStep = 48, ...names } = more;
  return defineRecipe({
    ...names,
    // Not that of the house models: other problems than they were trained on.
    seed: 5,
    smokeSteps: 10,
    prepare: async (options) => {
      const { seed, steps = 200 } = options;
      const [draft, target] = [await openTrainable(draftId), await openTrainable(targetId)];
      const pretraining = Math.round(examplesPerStep * pretrainingShare);
      const distilling = examplesPerStep - pretraining;
      // Each answer is seen once: after four times over, a draft was accepted less on unseen problems than before.
      const answers = await distillationSet(targetId, target, steps * distilling, options);
      const mixture = new Mixture(seed + 1, draft.encode);
      return {
        plan: {
          parameters: withTarget(draft.parameters, target.parameters),
          trained: isTrained,
          objective: distillationObjective({ draft: draft.config, target: target.config }, loss),
          batches: (step) => {
            const first = (step - 1) * distilling;
            const distilled = Array.from(
              { length: distilling },
              (_, position) => answers[(first + position) % answers.length],
            );
            const examples = [...distilled, ...mixture.examples(step, pretraining, 1)];
            const normalizer = answerTokens(examples);
            return byLength(examples, 2).map((part) => causalBatch(part, draft.pad, normalizer));
          },
          steps,
          schedule: cosineSchedule(learningRate, steps, Math.min(20, steps / 10)),
          optimizer: (weights, trained) => new AdamW(weights, trained),
          clip: 1,
        },
        save: (folder, weights) => draft.save(folder, withoutTarget(weights)),
      };
    },
  });
}

export const houseDraftAligned = alignedRecipe({
  slug: 'house-draft-aligned',
  title: 'House draft model, aligned',
  summary: "house-draft fine-tuned on house-causal's own answers, to be accepted more often (TVD++).",
  draft: 'house-draft',
  target: 'house-causal',
  loss: 'tvd++',
});
