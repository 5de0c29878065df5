/**
 * house-noise: a small canvas model of two tasks in the style of DiffusionGemma: undecided positions hold random tokens
 * instead of a mask, the prompt is read causally, and the canvas behind it sees all. From house-draft's weights, which can
 * read the prompts already.
 */

import { join } from 'node:path';
import { uniform } from '../../decode/random.ts';
import { openTrainable } from '../open-trainable.ts';
import { Muon } from '../optimizers/muon.ts';
import { defineRecipe } from '../recipe.ts';
import { saveModel } from '../save-model.ts';
import { cosineSchedule } from '../schedule.ts';
import { sequenceObjective } from '../sequence-model.ts';
import { byLength, noisedBatch } from '../sequences.ts';
import { trainingStreams } from '../streams.ts';
import { answerTokens, houseModel, modelsFolder } from './house.ts';
import { Mixture } from './mixture.ts';

const examplesPerStep = 96;
/** Longest stretch of end tokens beyond the longest example of a batch. */
const mostExtra = 12;

export const houseNoise = defineRecipe({
  slug: 'house-noise',
  title: 'House noise model',
  summary:
    'Three layers of width 128, 0.6 million parameters; uniform diffusion (random tokens, no mask) on the answers of sudoku and sorting.',
  seed: 1,
  prepare: async ({ seed, steps = 600 }) => {
    const size = { hiddenSize: 128, intermediateSize: 320, layers: 3, heads: 4 };
    const model = await houseModel(size, {
      is_causal: false,
      corruption: 'uniform',
      causal_prompt: true,
      max_position_embeddings: 128,
    });
    const { file, config, encode, eos: pad, files } = model;
    const { vocabSize, causalPrompt } = config;
    const { parameters } = await openTrainable(join(modelsFolder, 'house-draft'));
    const mixture = new Mixture(seed, encode, {
      sudoku: { share: 0.5, levels: [0.5, 0.3, 0.2] },
      sorting: { share: 0.5, levels: [1] },
    });
    return {
      plan: {
        parameters,
        objective: sequenceObjective(config),
        batches: (step) => {
          const examples = mixture.examples(step, examplesPerStep, step / steps);
          const normalizer = answerTokens(examples);
          let first = 0;
          return byLength(examples, 2).map((part, position) => {
            const u = uniform({ seed, stream: trainingStreams.canvasLength, step, position });
            const extra = Math.floor(mostExtra * u);
            const noise = { pad, vocabSize, causalPrompt, normalizer, extra, seed, step, first };
            first += part.length;
            return noisedBatch(part, noise);
          });
        },
        steps,
        schedule: cosineSchedule(3e-3, steps, Math.min(100, steps / 10)),
        optimizer: (weights, trained, runtime) => Muon.create(weights, trained, {}, runtime),
        clip: 1,
        average: 0.995,
      },
      save: (folder, weights) => saveModel(folder, weights, { config: file, tokenizer: files }),
    };
  },
});
