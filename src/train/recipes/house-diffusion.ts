/** house-diffusion: a masked diffusion model of all tasks (LLaDA's objective on the answers), from house-causal's weights. */

import { join } from 'node:path';
import { uniform } from '../../decode/random.ts';
import { openTrainable } from '../open-trainable.ts';
import { Muon } from '../optimizers/muon.ts';
import { defineRecipe } from '../recipe.ts';
import { saveModel } from '../save-model.ts';
import { cosineSchedule } from '../schedule.ts';
import { sequenceObjective } from '../sequence-model.ts';
import { byLength, maskedBatch } from '../sequences.ts';
import { trainingStreams } from '../streams.ts';
import { answerTokens, houseModel, modelsFolder } from './house.ts';
import { type houseShares, Mixture } from './mixture.ts';

const examplesPerStep = 192;
/** Longest stretch of end tokens beyond the longest example of a batch. */
const mostExtra = 24;
/** Share of rows that are masked from some position on. */
const suffixShare = 0.25;
/** Share of steps whose short problems get as long a canvas as the long ones. */
const wideShare = 0.1;

/** Fewer of the long problems than house-causal sees: a canvas learns more slowly. */
export const diffusionShares: typeof houseShares = {
  'word-problems': { share: 0.37, levels: [0.4, 0.5, 0.1] },
  countdown: { share: 0.29, levels: [0.45, 0.5, 0.05] },
  sudoku: { share: 0.12, levels: [0.5, 0.3, 0.2] },
  json: { share: 0.09, levels: [0.5, 0.3, 0.2] },
  sorting: { share: 0.13, levels: [0.65, 0.3, 0.05] },
};

export const houseDiffusion = defineRecipe({
  slug: 'house-diffusion',
  title: 'House diffusion model',
  summary:
    'The architecture of house-causal with attention both ways; masked diffusion on the answers of all tasks.',
  seed: 1,
  prepare: async ({ seed, steps = 3900 }) => {
    const size = { hiddenSize: 192, intermediateSize: 512, layers: 6, heads: 6 };
    const model = await houseModel(size, {
      is_causal: false,
      shift_logits: true,
      mask_token_id: 1,
      max_position_embeddings: 128,
    });
    const { file, config, encode, eos: pad, mask, files } = model;
    const { parameters } = await openTrainable(join(modelsFolder, 'house-causal'));
    const masking = { pad, mask, seed, shift: config.shiftLogits, suffixShare };
    const mixture = new Mixture(seed, encode, diffusionShares);
    return {
      plan: {
        parameters,
        objective: sequenceObjective(config),
        batches: (step) => {
          const length = (position: number) =>
            uniform({ seed, stream: trainingStreams.canvasLength, step, position });
          const isWide = length(0) < wideShare;
          const count = isWide ? examplesPerStep / 2 : examplesPerStep;
          const examples = mixture.examples(step, count, step / steps);
          const normalizer = answerTokens(examples);
          let first = 0;
          return byLength(examples, isWide ? 1 : 2).map((part, n) => {
            const extra = Math.floor(mostExtra * length(n + 1) ** 2);
            const batch = maskedBatch(part, { ...masking, normalizer, extra, step, first });
            first += part.length;
            return batch;
          });
        },
        steps,
        schedule: cosineSchedule(3e-3, steps, Math.min(100, steps / 10)),
        optimizer: (weights, trained, runtime) => Muon.create(weights, trained, {}, runtime),
        clip: 1,
        average: 0.998,
      },
      save: (folder, weights) => saveModel(folder, weights, { config: file, tokenizer: files }),
    };
  },
});
