/**
 * dparallel: a masked-diffusion model fine-tuned to be sure early (certainty-forcing distillation, dParallel, 2025). It
 * learns from its own answers to training problems, those that are right.
 */

import { z } from 'zod';
import { uniform } from '../../decode/random.ts';
import { QuickstepError } from '../../errors.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import type { EncodedProblem } from '../../tasks/index.ts';
import { certaintyObjective } from '../certainty.ts';
import { openTrainable } from '../open-trainable.ts';
import { AdamW } from '../optimizers/adamw.ts';
import { defineRecipe, type Recipe } from '../recipe.ts';
import { cosineSchedule } from '../schedule.ts';
import { segmentBatch } from '../segments.ts';
import { byLength } from '../sequences.ts';
import { trainingStreams } from '../streams.ts';
import { type Assignment, lessons, staticAnswers } from './teacher.ts';

/** Positions of a block, in the teacher's answers and in training. */
const blockLength = 32;
const examplesPerStep = 16;
/** How often an answer is seen, on average, if all are right. */
const epochs = 3;

const answerSchema = z.object({ tokens: z.array(z.int().min(0)).min(1), right: z.boolean() });
type Answer = z.output<typeof answerSchema>;

async function checkedAnswers(
  model: LanguageModel,
  assignments: readonly Assignment[],
  signal?: AbortSignal,
): Promise<Answer[]> {
  const answers = await staticAnswers(model, assignments, signal);
  return answers.map(({ tokens, text }, n) => {
    const { task, problem } = assignments[n];
    return { tokens, right: task.check(problem, text) };
  });
}

/** Prompt and answer; what the teacher wrote behind the end of it is end tokens, up to the end of the block. */
export function exampleOf(prompt: readonly number[], answer: readonly number[], eos: number): EncodedProblem {
  const end = answer.indexOf(eos);
  const clean = end < 0 ? answer : answer.map((token, place) => (place < end ? token : eos));
  return { tokens: Int32Array.from([...prompt, ...clean]), answerStart: prompt.length };
}

export interface CertaintyRecipe extends Pick<Recipe, 'slug' | 'title' | 'summary'> {
  /** Id of the model that is trained, and taught by itself. */
  teacher: string;
  /** Weight of the entropy. */
  beta: number;
  penalized?: 'right' | 'all';
}

/** A recipe of certainty forcing; `beta` 0 is training on the same answers without it. */
export function certaintyRecipe({ teacher, beta, penalized, ...names }: CertaintyRecipe): Recipe {
  return defineRecipe({
    ...names,
    // Neither the seed of the models nor that of learn2pd.
    seed: 3,
    smokeSteps: 12,
    prepare: async (options) => {
      const { seed, steps = 800 } = options;
      const trainable = await openTrainable(teacher);
      const { config, pad, parameters, save } = trainable;
      if (config.maskTokenId === undefined)
        throw new QuickstepError(
          'unsupported',
          `${teacher} has no mask token.`,
          'Name a masked-diffusion model.',
        );
      const learned = await lessons(
        {
          teacher,
          trainable,
          file: 'answers.jsonl',
          count: Math.ceil((steps * examplesPerStep) / epochs),
          schema: answerSchema,
          make: (model, assignments) => checkedAnswers(model, assignments, options.signal),
        },
        options,
      );
      const examples = learned
        .filter(({ lesson }) => lesson.right)
        .map(({ prompt, lesson }) => exampleOf(prompt, lesson.tokens, pad));
      if (examples.length === 0) {
        const hint = 'Train it further first: it learns from its own right answers.';
        throw new QuickstepError(
          'no-progress',
          `${teacher} solved none of ${learned.length} problems.`,
          hint,
        );
      }
      const segments = { pad, mask: config.maskTokenId, blockLength, shift: config.shiftLogits, seed };
      return {
        plan: {
          parameters,
          objective: certaintyObjective(config, { beta, temperature: 0.5, penalized }),
          batches: (step) => {
            const chosen = Array.from({ length: examplesPerStep }, (_, position) => {
              const u = uniform({ seed, stream: trainingStreams.example, step, position });
              return examples[Math.floor(u * examples.length)];
            });
            let first = 0;
            return byLength(chosen, 2).map((part) => {
              const batch = segmentBatch(part, { ...segments, step, first, normalizer: examplesPerStep });
              first += part.length;
              return batch;
            });
          },
          steps,
          // The published rate is constant, with adapters; on all weights that costs accuracy, which a decay keeps.
          schedule: cosineSchedule(1e-4, steps, Math.min(20, steps / 10)),
          optimizer: (weights, trained) => new AdamW(weights, trained),
          clip: 1,
          average: 0.99,
        },
        save,
      };
    },
  });
}

export const dparallel = certaintyRecipe({
  slug: 'dparallel',
  title: 'House diffusion model, sure early',
  summary:
    'house-diffusion fine-tuned on its own right answers with a penalty on hesitating where it is right; for the method dparallel.',
  teacher: 'house-diffusion',
  beta: 2,
});
