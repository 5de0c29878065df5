/**
 * deco-g: a hidden Markov model of a language model's answers, for Deco-G (2025). The answers are drawn at temperature 1 from
 * the model's own distribution, to training problems; the model itself is not changed.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Hmm } from '../../decode/constrained/hmm/hmm.ts';
import { saveHmm } from '../../decode/constrained/hmm/hmm-disk.ts';
import { generateBatch } from '../../decode/generate.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { load } from '../../models/load.ts';
import { type Answers, contextHmm, ExpectationMaximization, hmmBatch, hmmObjective } from '../hmm.ts';
import { cachedLines } from '../line-cache.ts';
import { openTrainable } from '../open-trainable.ts';
import { defineRecipe, type Recipe, type RecipeOptions } from '../recipe.ts';
import { constantSchedule } from '../schedule.ts';
import { Mixture } from './mixture.ts';
import { fingerprint } from './teacher.ts';

const states = 96;
/** Tokens of an answer, its end token included; longer ones are cut off. */
const length = 48;
const answersTrained = 1800;
const answersTested = 200;
const answersPerBatch = 450;
const atOnce = 60;
const pseudocount = 0.01;

/** What answers are about: mostly calculation, and some JSON, whose marks formats are made of. */
const shares = {
  'word-problems': { share: 0.6, levels: [0.5, 0.5] },
  countdown: { share: 0.2, levels: [1] },
  json: { share: 0.2, levels: [0.7, 0.3] },
};

async function drawAnswers(
  teacher: string,
  count: number,
  { seed, folder, runtime, signal, onAnswers }: RecipeOptions,
): Promise<{ answers: Answers; vocabulary: number; pad: number }> {
  const { encode, config, pad, parameters } = await openTrainable(teacher);
  const mixture = new Mixture(seed, encode, shares);
  let model: LanguageModel | undefined;
  try {
    const answers = await cachedLines({
      path: folder && join(folder, 'answers.jsonl'),
      identity: { teacher: fingerprint(parameters), seed },
      count,
      batch: atOnce,
      schema: z.array(z.int().min(0)).min(1).max(length),
      make: async (first, end) => {
        model ??= await load(teacher, { ...runtime, signal });
        const prompts = Array.from({ length: end - first }, (_, n) => {
          const [{ tokens, answerStart }] = mixture.examples(first + n, 1, 1);
          return { tokens: [...tokens.subarray(0, answerStart)] };
        });
        const sampling = { temperature: 1, seed: seed + first, maxTokens: length, signal };
        const results = await generateBatch(model, prompts, sampling).result;
        return results.map(({ tokens }) => tokens);
      },
      onProgress: onAnswers,
    });
    return { answers, vocabulary: config.vocabSize, pad };
  } finally {
    await model?.[Symbol.asyncDispose]();
  }
}

/** A recipe of a hidden Markov model for some model. */
export function hmmRecipe(teacher: string): Recipe {
  return defineRecipe({
    slug: 'deco-g',
    title: 'Hidden Markov model for Deco-G',
    summary: `${states} hidden states, by expectation maximization on answers of ${teacher}; for the method deco-g.`,
    // Not the seed of the models: other problems than they were trained on.
    seed: 2,
    smokeSteps: 6,
    prepare: async (options) => {
      const { steps = 50 } = options;
      const isShort = steps < 10;
      const [trained, tested] = isShort ? [120, 60] : [answersTrained, answersTested];
      const drawn = await drawAnswers(teacher, trained + tested, options);
      const { answers, vocabulary, pad } = drawn;
      const training = answers.slice(0, trained);
      const tokens = training.reduce((sum, answer) => sum + answer.length, 0);
      const batches = Array.from({ length: Math.ceil(trained / answersPerBatch) }, (_, n) =>
        hmmBatch(training.slice(n * answersPerBatch, (n + 1) * answersPerBatch), length, pad, tokens),
      );
      const facts = { model: teacher, states, vocabulary };
      return {
        plan: {
          parameters: contextHmm(training, facts, pseudocount),
          objective: hmmObjective(length),
          batches: () => batches,
          steps,
          schedule: constantSchedule(1),
          optimizer: () => new ExpectationMaximization(tokens, pseudocount),
        },
        save: async (folder, parameters) => {
          const weights = new Map([...parameters].map(([name, { data }]) => [name, data]));
          const hmm = new Hmm(facts, weights);
          await saveHmm(folder, hmm);
          const before = new Hmm(
            facts,
            new Map([...contextHmm(training, facts, pseudocount)].map(([name, { data }]) => [name, data])),
          );
          await writeFile(join(folder, 'README.md'), card(hmm, before, answers.slice(trained), trained));
        },
      };
    },
  });
}

/** Nats a token. */
function loss(hmm: Hmm, answers: Answers): number {
  const tokens = answers.reduce((sum, answer) => sum + answer.length, 0);
  return answers.reduce((sum, answer) => sum - hmm.logProbability(answer), 0) / tokens;
}

function card(hmm: Hmm, before: Hmm, tested: Answers, trained: number): string {
  const { model } = hmm.facts;
  return `---
license: apache-2.0
library_name: quickstep
---
# Hidden Markov model of ${model}

${states} hidden states over the tokens of ${model}. Made by \`quickstep train deco-g\`: expectation maximization on ${trained}
answers that ${model} gave to training problems at temperature 1. Used by \`--method deco-g\`.

On ${tested.length} other answers it loses ${loss(hmm, tested).toFixed(3)} nats a token. Where it began, with hidden states that stand for
pairs of tokens, that was ${loss(before, tested).toFixed(3)}.
`;
}

export const decoG = hmmRecipe('house-causal');
