/** Recipes of draft heads: whatever the heads are, they are trained on a model's own answers, and judged on some held out. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GraphBuilder } from '../../../graph/builder.ts';
import { float32, tensor, type Value } from '../../../graph/types.ts';
import { type DraftBase, readDraftBase } from '../../../models/draft-heads/base.ts';
import { saveHeadFile } from '../../../models/draft-heads/disk.ts';
import type { HeadFacts, HeadShapes, HeadWeights } from '../../../models/draft-heads/file.ts';
import type { Ranked } from '../../../models/draft-heads/ranked.ts';
import type { LanguageModel } from '../../../models/language-model.ts';
import { load } from '../../../models/load.ts';
import { crossEntropyRows, weightedSum } from '../../losses.ts';
import { openTrainable } from '../../open-trainable.ts';
import { Muon } from '../../optimizers/muon.ts';
import type { Parameter } from '../../parameters.ts';
import type { Batch, Terms } from '../../program.ts';
import { defineRecipe, type Recipe } from '../../recipe.ts';
import { cosineSchedule } from '../../schedule.ts';
import type { TrainingPlan } from '../../trainer.ts';
import { Mixture } from '../mixture.ts';
import { chatAnswers, promptedAnswers, type SelfSource } from './answers.ts';
import { headCard } from './card.ts';
import { frequentTokens } from './draft-vocabulary.ts';
import { drawn } from './draw.ts';
import { judge } from './judge.ts';
import { isHeldOut, type Passage, readPassage } from './passages.ts';

/** Weight of each head in the loss, over that of the one before it. */
export const headDecay = 0.8;
const draftTokens = 8192;

/** What a kind of heads is trained as. */
export interface HeadTraining<F extends HeadFacts> extends Pick<TrainingPlan, 'objective' | 'trained'> {
  /** Without the accuracies that are to be measured. */
  facts: F;
  shapes: HeadShapes;
  parameters: Map<string, Parameter>;
  /** @param placeOf Number of each drafted token. */
  batch(passages: readonly Passage[], placeOf: ReadonlyMap<number, number>): Batch;
  /** Trained heads, for judging them with the true text up to each place. */
  ready(weights: HeadWeights): Promise<TaughtHeads>;
}

export interface TaughtHeads extends AsyncDisposable {
  /** Guesses at the rows of a passage from `first` on: [rows][heads]. */
  rank(passage: Passage): Promise<Ranked[][]>;
}

/** What is known before the heads' own sizes are. */
export interface HeadChoice {
  model: LanguageModel;
  base: DraftBase;
  facts: { model: string; hiddenSize: number; vocabSize: number; accuracies: number[][]; tokens: number[] };
  seed: number;
}

/** Where answers come from, and how they are gone through. */
interface HeadData {
  /** Id of the model that the heads are for. */
  model: string;
  source(seed: number): SelfSource | Promise<SelfSource>;
  steps: number;
  answersPerStep: number;
  /** How often an answer is seen. */
  epochs: number;
}

/** SmolLM2's answers to requests. */
export const chatData: HeadData = {
  model: 'smollm2',
  source: () => chatAnswers,
  steps: 1336,
  answersPerStep: 5,
  epochs: 1,
};

/** Answers of house-causal to problems of the tasks that it learned. */
export const houseData: HeadData = {
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
};

export interface HeadRecipe<F extends HeadFacts>
  extends Pick<Recipe, 'slug' | 'title' | 'summary' | 'smokeSteps'> {
  data: HeadData;
  learningRate: number;
  training(choice: HeadChoice): HeadTraining<F> | Promise<HeadTraining<F>>;
}

/**
 * Rows before tokens of the answers, and for each head what is to come: head h, from 0, is to say the token two and h
 * places behind the row's own. One that is not drafted, or behind the end, weighs nothing.
 */
export function headTargets(
  passages: readonly Passage[],
  placeOf: ReadonlyMap<number, number>,
  heads: number,
): { rows: number; targets: Int32Array; weights: Float32Array } {
  const rows = passages.reduce((sum, { tokens, first }) => sum + tokens.length - 1 - first, 0);
  const targets = new Int32Array(heads * rows);
  const weights = new Float32Array(heads * rows);
  let row = 0;
  for (const { tokens, first } of passages)
    for (let at = first; at < tokens.length - 1; at++, row++)
      for (let head = 0; head < heads; head++) {
        const place = placeOf.get(tokens[at + 2 + head]);
        if (place === undefined) continue;
        targets[head * rows + row] = place;
        weights[head * rows + row] = headDecay ** head / rows;
      }
  return { rows, targets, weights };
}

/** Targets and weights as inputs of a program; see `headTargets`. */
export const targetInputs = ({ targets, weights }: ReturnType<typeof headTargets>): Batch => ({
  targets: tensor('int32', [targets.length], targets),
  weights: float32([weights.length], weights),
});

/** Σ over heads and rows of weight · -log p(target) of what the output head reads, [rows, hidden] for each head. */
export function headLoss(b: GraphBuilder, { head, hiddenSize }: DraftBase, hidden: readonly Value[]): Terms {
  const table = b.constant(float32([head.length / hiddenSize, hiddenSize], head));
  const logits = b.matmul(b.concat(hidden, 0), table, { transposeB: true });
  const [rows] = logits.shape;
  const targets = b.input('targets', 'int32', [rows]);
  const weights = b.input('weights', 'float32', [rows]);
  return { loss: weightedSum(b, crossEntropyRows(b, logits, targets), weights) };
}

/** A recipe of heads for some model. */
export function headRecipe<F extends HeadFacts>(recipe: HeadRecipe<F>): Recipe {
  const { data: from, learningRate, training, ...names } = recipe;
  const { answersPerStep } = from;
  return defineRecipe({
    ...names,
    seed: 7,
    prepare: async (options) => {
      const { seed, steps = from.steps, signal, runtime } = options;
      // Ten at least, so that some are held out.
      const count = Math.max(10, Math.ceil((steps * answersPerStep) / from.epochs));
      await using model = await load(from.model, { ...runtime, signal });
      const { hiddenSize, vocabSize } = model.config;
      const data = await (await from.source(seed))(model, count, options);
      const trainedOn = [...data.answers.keys()].filter((n) => !isHeldOut(n));
      const tokens = frequentTokens(
        trainedOn.map((n) => data.answers[n].tokens),
        vocabSize,
        Math.min(draftTokens, vocabSize),
      );
      const placeOf = new Map(tokens.map((token, place) => [token, place]));
      const base = await readDraftBase(model, tokens);
      const known = { model: model.id, hiddenSize, vocabSize, accuracies: [[0]], tokens };
      const { facts, shapes, batch, ready, ...plan } = await training({ model, base, facts: known, seed });
      return {
        plan: {
          ...plan,
          batches: async (step) => {
            const numbers = drawn(trainedOn, seed, step, answersPerStep);
            return [batch(await Promise.all(numbers.map((n) => readPassage(data, n))), placeOf)];
          },
          steps,
          schedule: cosineSchedule(learningRate, steps, Math.min(20, steps / 10)),
          // The heads begin as the output head, sure of a token that is not theirs to guess; AdamW unlearns that slowly.
          optimizer: (parameters, trained, runtime) => Muon.create(parameters, trained, {}, runtime),
          clip: 1,
        },
        save: async (folder, parameters) => {
          const weights = new Map([...parameters].map(([name, { data }]) => [name, data]));
          await using taught = await ready(weights);
          const heldOut = await Promise.all(
            [...data.answers.keys()].filter(isHeldOut).map((n) => readPassage(data, n)),
          );
          const judged = await judge(heldOut, facts.heads, (passage) => taught.rank(passage));
          await data[Symbol.asyncDispose]();
          await saveHeadFile(folder, { ...facts, accuracies: judged.accuracies }, shapes, weights);
          const answers = {
            training: trainedOn.length,
            heldOut: heldOut.length,
            tokens: trainedOn.reduce((sum, n) => sum + data.answers[n].tokens.length, 0),
          };
          const card = headCard({ title: names.title, recipe: names.slug, facts, judged, answers });
          await writeFile(join(folder, 'README.md'), card);
        },
      };
    },
  });
}
