/**
 * medusa: Medusa heads for a chat model (Medusa-1, arXiv:2401.10774, section 2.2.1: the model itself is not changed),
 * trained on its own answers.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { float32, tensor } from '../../graph/types.ts';
import { type DraftBase, finalHidden, readDraftBase } from '../../models/draft-heads/base.ts';
import { saveHeadFile } from '../../models/draft-heads/disk.ts';
import {
  type MedusaFacts,
  MedusaHeads,
  medusaHidden,
  medusaShapes,
} from '../../models/draft-heads/medusa.ts';
import { load } from '../../models/load.ts';
import { crossEntropyRows, weightedSum } from '../losses.ts';
import { openTrainable } from '../open-trainable.ts';
import { Muon } from '../optimizers/muon.ts';
import { initialize } from '../parameters.ts';
import type { Batch, Objective } from '../program.ts';
import { defineRecipe, type Recipe } from '../recipe.ts';
import { cosineSchedule } from '../schedule.ts';
import { plainWeights } from '../sequence-model.ts';
import { Mixture } from './mixture.ts';
import { chatAnswers, promptedAnswers, type SelfSource } from './self-distillation/answers.ts';
import { headCard } from './self-distillation/card.ts';
import { frequentTokens } from './self-distillation/draft-vocabulary.ts';
import { drawn } from './self-distillation/draw.ts';
import { judge } from './self-distillation/judge.ts';
import { isHeldOut, type Passage, readPassage } from './self-distillation/passages.ts';

const heads = 3;
const layers = 1;
/** Weight of each head in the loss, over that of the one before it. */
const decay = 0.8;
const draftTokens = 4096;

/** Σ over heads and rows of decayᵏ · -log p(token), over the drafted tokens. */
export function medusaObjective(base: DraftBase): Objective {
  return (b, weight) => {
    const count = base.head.length / base.hiddenSize;
    const h = finalHidden(b, base, b.input('states', 'float32', ['rows', base.hiddenSize]));
    const weights = plainWeights(b, weight);
    const hidden = Array.from({ length: heads }, (_, head) => medusaHidden(b, h, weights, head, layers));
    const table = b.constant(float32([count, base.hiddenSize], base.head));
    const logits = b.matmul(b.concat(hidden, 0), table, { transposeB: true });
    const [rows] = logits.shape;
    const targets = b.input('targets', 'int32', [rows]);
    const rowWeights = b.input('weights', 'float32', [rows]);
    return { loss: weightedSum(b, crossEntropyRows(b, logits, targets), rowWeights) };
  };
}

/**
 * Rows before tokens of the answers, and for each head what is to come; a token that is not drafted, or behind the end,
 * weighs nothing.
 */
export function medusaBatch(
  passages: readonly Passage[],
  placeOf: ReadonlyMap<number, number>,
  hiddenSize: number,
): Batch {
  const rows = passages.reduce((sum, { tokens, first }) => sum + tokens.length - 1 - first, 0);
  const states = new Float32Array(rows * hiddenSize);
  const targets = new Int32Array(heads * rows);
  const weights = new Float32Array(heads * rows);
  let row = 0;
  for (const { states: own, tokens, first } of passages) {
    states.set(own.subarray(first * hiddenSize), row * hiddenSize);
    for (let at = first; at < tokens.length - 1; at++, row++)
      for (let head = 0; head < heads; head++) {
        const place = placeOf.get(tokens[at + 2 + head]);
        if (place === undefined) continue;
        targets[head * rows + row] = place;
        weights[head * rows + row] = decay ** head / rows;
      }
  }
  return {
    states: float32([rows, hiddenSize], states),
    targets: tensor('int32', [heads * rows], targets),
    weights: float32([heads * rows], weights),
  };
}

export interface MedusaRecipe extends Pick<Recipe, 'slug' | 'title' | 'summary' | 'smokeSteps'> {
  /** Id of the model that the heads are for. */
  model: string;
  /** Where its answers come from. */
  source(seed: number): SelfSource | Promise<SelfSource>;
  steps: number;
  answersPerStep: number;
  /** How often an answer is seen. */
  epochs: number;
  learningRate: number;
}

/** A recipe of Medusa heads for some model. */
export function medusaRecipe(recipe: MedusaRecipe): Recipe {
  const { model: modelId, source, steps: usual, answersPerStep, epochs, learningRate, ...names } = recipe;
  return defineRecipe({
    ...names,
    seed: 7,
    prepare: async (options) => {
      const { seed, steps = usual, signal, runtime } = options;
      // Ten at least, so that some are held out.
      const count = Math.max(10, Math.ceil((steps * answersPerStep) / epochs));
      await using model = await load(modelId, { ...runtime, signal });
      const { hiddenSize, vocabSize } = model.config;
      const data = await (await source(seed))(model, count, options);
      const training = [...data.answers.keys()].filter((n) => !isHeldOut(n));
      const tokens = frequentTokens(
        training.map((n) => data.answers[n].tokens),
        vocabSize,
        Math.min(draftTokens, vocabSize),
      );
      const placeOf = new Map(tokens.map((token, place) => [token, place]));
      const base = await readDraftBase(model, tokens);
      const { precision } = model;
      const shapes = medusaShapes({ hiddenSize, heads, layers });
      return {
        plan: {
          // Zeros: a head begins as the model's own output head.
          parameters: initialize(shapes, () => ({ constant: 0 }), seed),
          objective: medusaObjective(base),
          batches: async (step) => {
            const numbers = drawn(training, seed, step, answersPerStep);
            const passages = await Promise.all(numbers.map((n) => readPassage(data, n)));
            return [medusaBatch(passages, placeOf, hiddenSize)];
          },
          steps,
          schedule: cosineSchedule(learningRate, steps, Math.min(20, steps / 10)),
          // The heads begin as the output head, sure of a token that is not theirs to guess; AdamW unlearns that slowly.
          optimizer: (parameters, trained, runtime) => Muon.create(parameters, trained, {}, runtime),
          clip: 1,
        },
        save: async (folder, parameters) => {
          const weights = new Map([...parameters].map(([name, { data }]) => [name, data]));
          const facts: MedusaFacts = {
            kind: 'medusa',
            model: model.id,
            hiddenSize,
            vocabSize,
            heads,
            layers,
            accuracies: [[0]],
            tokens,
          };
          await using ready = await MedusaHeads.load({ facts, weights }, base, precision);
          const heldOut = await Promise.all(
            [...data.answers.keys()].filter(isHeldOut).map((n) => readPassage(data, n)),
          );
          const judged = await judge(heldOut, heads, async ({ states, first }) =>
            ready.rank(states.subarray(first * hiddenSize)),
          );
          await data[Symbol.asyncDispose]();
          await saveHeadFile(folder, { ...facts, accuracies: judged.accuracies }, shapes, weights);
          const answers = {
            training: training.length,
            heldOut: heldOut.length,
            tokens: training.reduce((sum, n) => sum + data.answers[n].tokens.length, 0),
          };
          const card = headCard({ title: names.title, recipe: names.slug, facts, judged, answers });
          await writeFile(join(folder, 'README.md'), card);
        },
      };
    },
  });
}

export const medusa = medusaRecipe({
  slug: 'medusa',
  title: 'Medusa heads',
  summary: 'Three heads that guess what follows the next token of SmolLM2; for the method medusa.',
  model: 'smollm2',
  source: () => chatAnswers,
  steps: 320,
  answersPerStep: 5,
  epochs: 2,
  learningRate: 0.004,
  smokeSteps: 4,
});

export const houseMedusa = medusaRecipe({
  slug: 'house-medusa',
  title: 'Medusa heads',
  summary: 'Three heads that guess what follows the next token of house-causal; for the method medusa.',
  model: 'house-causal',
  source: async (seed) => {
    const { encode } = await openTrainable('house-causal');
    const mixture = new Mixture(seed, encode);
    return promptedAnswers((n) => {
      const [{ tokens, answerStart }] = mixture.examples(n, 1, 1);
      return [...tokens.subarray(0, answerStart)];
    });
  },
  steps: 600,
  answersPerStep: 16,
  epochs: 4,
  learningRate: 0.01,
  smokeSteps: 10,
});
