/** A recipe of a model that trains in milliseconds: what its run goes through is what a house model's does. */

import { AdamW } from '../optimizers/adamw.ts';
import { Muon } from '../optimizers/muon.ts';
import { defineRecipe, type Recipe } from '../recipe.ts';
import { answerTokens, freshWeights, houseModel } from '../recipes/house.ts';
import { Mixture } from '../recipes/mixture.ts';
import { saveModel } from '../save-model.ts';
import { cosineSchedule } from '../schedule.ts';
import { sequenceObjective } from '../sequence-model.ts';
import { byLength, causalBatch } from '../sequences.ts';

export interface TinyOptions {
  optimizer?: 'adamw' | 'muon';
  average?: number;
  layers?: number;
  /** Called before each step's batches are made. */
  onStep?: (step: number) => void;
}

const shares = { json: { share: 0.5, levels: [1] }, countdown: { share: 0.5, levels: [0.5, 0.5] } };
const examplesPerStep = 4;

export function tinyRecipe({ optimizer = 'muon', average, layers = 1, onStep }: TinyOptions = {}): Recipe {
  return defineRecipe({
    slug: 'tiny',
    title: 'Tiny model',
    summary: 'One layer of width 16.',
    seed: 1,
    smokeSteps: 12,
    prepare: async ({ seed, steps = 6 }) => {
      const size = { hiddenSize: 16, intermediateSize: 32, layers, heads: 2 };
      const { file, config, encode, eos, files } = await houseModel(size);
      const mixture = new Mixture(seed, encode, shares);
      return {
        plan: {
          parameters: freshWeights(config, seed),
          objective: sequenceObjective(config),
          batches: (step) => {
            onStep?.(step);
            const examples = mixture.examples(step, examplesPerStep, step / steps);
            const normalizer = answerTokens(examples);
            return byLength(examples, 2).map((part) => causalBatch(part, eos, normalizer));
          },
          steps,
          schedule: cosineSchedule(1e-2, steps, 2),
          optimizer: (parameters, trained, runtime) =>
            optimizer === 'muon'
              ? Muon.create(parameters, trained, {}, runtime)
              : new AdamW(parameters, trained),
          clip: 1,
          average,
        },
        save: (folder, parameters) => saveModel(folder, parameters, { config: file, tokenizer: files }),
      };
    },
  });
}
