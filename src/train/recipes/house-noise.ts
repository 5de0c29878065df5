/**
 * house-noise: a small canvas model of two tasks in the style of DiffusionGemma: undecided positions hold random tokens
 * instead of a mask, the prompt is read causally, and the canvas behind it sees all.
 */

import { uniform } from '../../decode/random.ts';
import { Muon } from '../optimizers/muon.ts';
import { defineRecipe } from '../recipe.ts';
import { saveModel } from '../save-model.ts';
import { cosineSchedule } from '../schedule.ts';
import { sequenceObjective } from '../sequence-model.ts';
import { byLength, noisedBatch } from '../sequences.ts';
import { trainingStreams } from '../streams.ts';
import { answerTokens, freshWeights, houseModel } from './house.ts';
import { Mixture } from './mixture.ts';

const examplesPerStep = 128;
/** Longest stretch of end tokens beyond the longest example of a batch. */
const mostExtra = 12;

export const houseNoise = defineRecipe({
  slug: 'house-noise',
  title: 'House noise model',
  summary:
    'Four layers of width 96, 0.5 million parameters; uniform diffusion (random tokens, no mask) on the answers of sudoku and sorting.',
  seed: 1,
  prepare: async ({ seed, steps = 2000 }) => {
    const size = { hiddenSize: 96, intermediateSize: 256, layers: 4, heads: 4 };
    const model = await houseModel(size, {
      is_causal: false,
      corruption: 'uniform',
      causal_prompt: true,
      max_position_embeddings: 128,
    });
    const { file, config, encode, eos: pad, files } = model;
    const { vocabSize, causalPrompt } = config;
    const mixture = new Mixture(seed, encode, {
      sudoku: { share: 0.5, levels: [0.5, 0.3, 0.2] },
      sorting: { share: 0.5, levels: [1] },
    });
    return {
      plan: {
        parameters: freshWeights(config, seed),
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
        schedule: cosineSchedule(4e-3, steps, Math.min(100, steps / 10)),
        optimizer: (weights, trained, runtime) => Muon.create(weights, trained, {}, runtime),
        clip: 1,
        average: 0.998,
      },
      save: (folder, weights) => saveModel(folder, weights, { config: file, tokenizer: files }),
    };
  },
});
