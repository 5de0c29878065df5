/**
 * house-graph: a small causal model that answers graph questions with chains of facts. Three problems of four come with
 * their facts, the fourth without, so that it also learns what can be told from the question alone: whom to begin with, and
 * which relation comes next.
 */

import { readGraphQuestion } from '../../tasks/graph-questions.ts';
import { graphTokenizerFiles } from '../../tasks/house-tokenizer.ts';
import { hashText } from '../../tasks/split.ts';
import type { Problem } from '../../tasks/task.ts';
import { Muon } from '../optimizers/muon.ts';
import { defineRecipe } from '../recipe.ts';
import { saveModel } from '../save-model.ts';
import { cosineSchedule } from '../schedule.ts';
import { sequenceObjective } from '../sequence-model.ts';
import { byLength, causalBatch } from '../sequences.ts';
import { answerTokens, freshWeights, houseModel } from './house.ts';
import { Mixture } from './mixture.ts';

const examplesPerStep = 64;

/** Every fourth problem without its facts; other bits of the hash than those that split training from testing. */
function withoutSomeFacts({ prompt, answer }: Problem): Problem {
  const isBare = (hashText(prompt) >>> 16) % 4 === 0;
  return { prompt: isBare ? readGraphQuestion(prompt).question : prompt, answer };
}

export const houseGraph = defineRecipe({
  slug: 'house-graph',
  title: 'House graph model',
  summary: 'Three layers of width 96, 0.4 million parameters; chains of facts that answer graph questions.',
  seed: 1,
  prepare: async ({ seed, steps = 800 }) => {
    const size = { hiddenSize: 96, intermediateSize: 256, layers: 3, heads: 4 };
    const { file, config, encode, eos, files } = await houseModel(size, {}, graphTokenizerFiles());
    const shares = { 'graph-questions': { share: 1, levels: [0.3, 0.35, 0.35] } };
    const mixture = new Mixture(seed, (problem) => encode(withoutSomeFacts(problem)), shares);
    return {
      plan: {
        parameters: freshWeights(config, seed),
        objective: sequenceObjective(config),
        batches: (step) => {
          const examples = mixture.examples(step, examplesPerStep, step / steps);
          const normalizer = answerTokens(examples);
          return byLength(examples, 3).map((part) => causalBatch(part, eos, normalizer));
        },
        steps,
        schedule: cosineSchedule(8e-3, steps, Math.min(100, steps / 10)),
        optimizer: (parameters, trained, runtime) => Muon.create(parameters, trained, {}, runtime),
        clip: 1,
      },
      save: (folder, parameters) => saveModel(folder, parameters, { config: file, tokenizer: files }),
    };
  },
});
