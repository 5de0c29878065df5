/**
 * house-medusa-2: house-causal and its Medusa heads trained together (Medusa-2, arXiv:2401.10774, section 2.2.2) on the
 * model's own answers, which are to stay as likely as they were (section 2.3.2):
 *
 *   L = KL(p before || p) + λ₀ Σₖ λᵏ · -log pₖ(the token k places behind the next)
 *
 * The heads are those of house-medusa, the first of the paper's two stages. The model changes through adapters and learns
 * four times as slowly as the heads. The folder holds both: a checkpoint, and the heads that go with it.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { float32, tensor } from '../../graph/types.ts';
import type { LlamaConfig } from '../../models/config.ts';
import { readDraftBase } from '../../models/draft-heads/base.ts';
import { saveHeadFile } from '../../models/draft-heads/disk.ts';
import { openHeadFile } from '../../models/draft-heads/file.ts';
import {
  type MedusaFacts,
  MedusaHeads,
  medusaFacts,
  medusaHidden,
  medusaShapes,
} from '../../models/draft-heads/medusa.ts';
import { trainableLlama } from '../../models/llama-training.ts';
import { load } from '../../models/load.ts';
import type { EncodedProblem } from '../../tasks/encode.ts';
import { isLora, type LoraOptions, loraWeights, mergeLora, withLora } from '../lora.ts';
import { crossEntropyRows, klRows, weightedSum } from '../losses.ts';
import { openTrainable } from '../open-trainable.ts';
import { AdamW } from '../optimizers/adamw.ts';
import { type Parameter, zerosLike } from '../parameters.ts';
import type { Batch, Objective } from '../program.ts';
import { defineRecipe, type Recipe } from '../recipe.ts';
import { cosineSchedule } from '../schedule.ts';
import { plainWeights, sequenceInputs } from '../sequence-model.ts';
import { byLength, causalBatch, longest } from '../sequences.ts';
import { answerTokens } from './house.ts';
import { promptedAnswers } from './self-distillation/answers.ts';
import { headCard } from './self-distillation/card.ts';
import { drawn } from './self-distillation/draw.ts';
import { headDecay, houseData } from './self-distillation/head-recipe.ts';
import { judge } from './self-distillation/judge.ts';
import { isHeldOut, readPassage } from './self-distillation/passages.ts';

/** Names of the heads' weights beside the model's. */
const prefix = 'heads.';
const isHead = (name: string) => name.startsWith(prefix);
/** The paper's adapters. */
const adapters: LoraOptions = { rank: 32, alpha: 16, targets: (name) => name.endsWith('_proj.weight') };
const learningRate = 5e-4;
const modelNote = `The folder holds the model as well: ${houseData.model}, changed by adapters that were trained along with the heads
(Medusa-2) and merged into its weights. The heads fit no other: \`--model <folder> --method medusa --heads <folder>\`.`;
const headRate = 4;

/** The loss of the file's header; `lambda` is λ₀. Batches are those of `jointBatch`. */
export function jointObjective(
  config: LlamaConfig,
  { heads, layers, lambda }: Pick<MedusaFacts, 'heads' | 'layers'> & { lambda: number },
): Objective {
  return (b, weight) => {
    const inputs = sequenceInputs(b);
    const weights = b.input('weights', 'float32', ['batch*rows']);
    const plain = plainWeights(b, weight);
    const before = b.stopGradient(trainableLlama(b, config, plain, inputs).logits);
    const { logits, hidden } = trainableLlama(b, config, loraWeights(adapters)(b, weight), inputs);
    const own = plainWeights(b, (name) => weight(prefix + name));
    const states = Array.from({ length: heads }, (_, head) => medusaHidden(b, hidden, own, head, layers));
    const table = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    const guesses = plain.linear(table, b.concat(states, 0));
    const [rows] = guesses.shape;
    const headTargets = b.input('headTargets', 'int32', [rows]);
    const headWeights = b.input('headWeights', 'float32', [rows]);
    const drift = weightedSum(b, klRows(b, before, logits), weights);
    const guessing = weightedSum(b, crossEntropyRows(b, guesses, headTargets), headWeights);
    return {
      loss: b.add(drift, b.mul(guessing, lambda)),
      metrics: { drift, guessing },
    };
  };
}

/** The rows of a `causalBatch`, and what each head is to say at each of them, the heads one behind the other. */
export function jointBatch(
  examples: readonly EncodedProblem[],
  { pad, heads, normalizer }: { pad: number; heads: number; normalizer: number },
): Batch {
  const rows = longest(examples) - 1;
  const size = heads * examples.length * rows;
  const headTargets = new Int32Array(size).fill(pad);
  const headWeights = new Float32Array(size);
  for (let head = 0; head < heads; head++)
    for (const [n, { tokens, answerStart }] of examples.entries()) {
      const start = (head * examples.length + n) * rows;
      for (let at = answerStart - 1; at + 2 + head < tokens.length; at++) {
        headTargets[start + at] = tokens[at + 2 + head];
        headWeights[start + at] = headDecay ** head / normalizer;
      }
    }
  const { ids, positions, bias, weights } = causalBatch(examples, pad, normalizer);
  return {
    ...{ ids, positions, bias, weights },
    headTargets: tensor('int32', [size], headTargets),
    headWeights: float32([size], headWeights),
  };
}

export interface JointRecipe extends Pick<Recipe, 'slug' | 'title' | 'summary'> {
  /** Weight λ₀ of the heads' loss. */
  lambda: number;
  /** Begin with the trained heads of house-medusa; otherwise with the model's own output head. */
  trainedHeads: boolean;
}

/** A recipe of house-causal and its heads, together. */
export function jointRecipe({ lambda, trainedHeads, ...names }: JointRecipe): Recipe {
  return defineRecipe({
    ...names,
    seed: 7,
    smokeSteps: 10,
    prepare: async (options) => {
      const { seed, steps = houseData.steps, signal, runtime } = options;
      const { answersPerStep, epochs } = houseData;
      const count = Math.max(10, Math.ceil((steps * answersPerStep) / epochs));
      await using model = await load(houseData.model, { ...runtime, signal });
      const trainable = await openTrainable(houseData.model);
      const { config, pad, parameters } = trainable;
      const file = await openHeadFile('house-medusa', 'medusa', model, {
        facts: medusaFacts,
        shapes: medusaShapes,
      });
      const shapes = medusaShapes(file.facts);
      const { heads, layers } = file.facts;
      const source = await houseData.source(seed);
      await using data = await source(model, count, options);
      const { answers } = data;
      const examples = answers.map(({ prompt, tokens }) => ({
        tokens: Int32Array.from([...prompt, ...tokens]),
        answerStart: prompt.length,
      }));
      const trainedOn = [...answers.keys()].filter((n) => !isHeldOut(n));
      const start = new Map<string, Parameter>(
        [...shapes].map(([name, shape]) => [prefix + name, float32(shape, file.weights.get(name)!)]),
      );
      return {
        plan: {
          parameters: new Map([
            ...withLora(parameters, adapters, seed),
            ...(trainedHeads ? start : zerosLike(start)),
          ]),
          trained: (name) => isLora(name) || isHead(name),
          objective: jointObjective(config, { heads, layers, lambda }),
          batches: (step) => {
            const chosen = drawn(trainedOn, seed, step, answersPerStep).map((n) => examples[n]);
            const normalizer = answerTokens(chosen);
            return byLength(chosen, 2).map((part) => jointBatch(part, { pad, heads, normalizer }));
          },
          steps,
          schedule: cosineSchedule(learningRate, steps, Math.min(50, steps / 10)),
          optimizer: (weights, trained) =>
            new AdamW(weights, trained, { rateOf: (name) => (isHead(name) ? headRate : 1) }),
          clip: 1,
        },
        save: async (folder, weights) => {
          const isModel = ([name]: readonly [string, Parameter]) => !isHead(name);
          await trainable.save(folder, mergeLora(new Map([...weights].filter(isModel)), adapters));
          const own = new Map(
            [...shapes.keys()].map((name) => [name, weights.get(prefix + name)!.data] as const),
          );
          const facts: MedusaFacts = { ...file.facts, model: names.slug };
          await using tuned = await load(folder, { ...runtime, signal });
          const base = await readDraftBase(tuned, facts.tokens);
          await using ready = await MedusaHeads.load({ facts, weights: own }, base, tuned.precision);
          // What it answers now, to requests that were held out.
          const heldOut = [...answers.keys()].filter(isHeldOut);
          const asked = promptedAnswers((n) => answers[heldOut[n]].prompt);
          await using fresh = await asked(tuned, heldOut.length, { seed, signal });
          const passages = await Promise.all(heldOut.map((_, n) => readPassage(fresh, n)));
          const judged = await judge(passages, heads, ({ states, first }) =>
            ready.rank(states.subarray(first * config.hiddenSize)),
          );
          await saveHeadFile(folder, { ...facts, accuracies: judged.accuracies }, shapes, own);
          const tokens = trainedOn.reduce((sum, n) => sum + answers[n].tokens.length, 0);
          const told = { training: trainedOn.length, heldOut: heldOut.length, tokens };
          const card = headCard({ title: 'Medusa heads', recipe: names.slug, facts, judged, answers: told });
          await writeFile(join(folder, 'README.md'), `${card}\n${modelNote}\n`);
        },
      };
    },
  });
}

export const houseMedusa2 = jointRecipe({
  slug: 'house-medusa-2',
  title: 'House causal model with Medusa heads of its own',
  summary: 'house-causal and its Medusa heads trained together (Medusa-2); for the method medusa.',
  lambda: 0.2,
  trainedHeads: true,
});
