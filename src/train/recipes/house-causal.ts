/** house-causal: a causal model of all tasks, trained on their answers. */

import { Muon } from '../optimizers/muon.ts';
import { defineRecipe, type Recipe } from '../recipe.ts';
import { saveModel } from '../save-model.ts';
import { cosineSchedule } from '../schedule.ts';
import { sequenceObjective } from '../sequence-model.ts';
import { byLength, causalBatch } from '../sequences.ts';
import { answerTokens, freshWeights, type HouseSize, houseModel } from './house.ts';
import { Mixture } from './mixture.ts';

interface CausalRecipe {
  slug: string;
  title: string;
  summary: string;
  size: HouseSize;
  steps: number;
  learningRate: number;
}

const examplesPerStep = 192;

/** A recipe of a causal house model of some size. */
export function causalRecipe({
  slug,
  title,
  summary,
  size,
  steps: usual,
  learningRate,
}: CausalRecipe): Recipe {
  return defineRecipe({
    slug,
    title,
    summary,
    seed: 1,
    prepare: async ({ seed, steps = usual }) => {
      const { file, config, encode, eos, files } = await houseModel(size);
      const mixture = new Mixture(seed, encode);
      return {
        plan: {
          parameters: freshWeights(config, seed),
          objective: sequenceObjective(config),
          batches: (step) => {
            const examples = mixture.examples(step, examplesPerStep, step / steps);
            const normalizer = answerTokens(examples);
            return byLength(examples, 2).map((part) => causalBatch(part, eos, normalizer));
          },
          steps,
          schedule: cosineSchedule(learningRate, steps, Math.min(100, steps / 10)),
          optimizer: (parameters, trained, runtime) => Muon.create(parameters, trained, {}, runtime),
          clip: 1,
        },
        save: (folder, parameters) => saveModel(folder, parameters, { config: file, tokenizer: files }),
      };
    },
  });
}

export const houseCausal = causalRecipe({
  slug: 'house-causal',
  title: 'House causal model',
  summary:
    'Six layers of width 192, 2.8 million parameters; next-token prediction of the answers of all tasks.',
  size: { hiddenSize: 192, intermediateSize: 512, layers: 6, heads: 6 },
  steps: 2400,
  learningRate: 4e-3,
});

export const houseDraft = causalRecipe({
  slug: 'house-draft',
  title: 'House draft model',
  summary:
    'Three layers of width 128, 0.6 million parameters; drafts for house-causal, from the same problems.',
  size: { hiddenSize: 128, intermediateSize: 320, layers: 3, heads: 4 },
  steps: 800,
  learningRate: 6e-3,
});
