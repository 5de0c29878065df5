/**
 * arbitrage: the router of Arbitrage (arXiv:2512.05033) for house-draft and house-causal. It starts from the draft model's
 * weights and learns two verdicts on a drafted step (decode/speculative/step-judge.ts): whether the target would write a
 * better one, which is the method, and whether the step is right, which is what its baseline RSD asks.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uniform } from '../../decode/random.ts';
import { DraftLanes } from '../../decode/speculative/draft-lanes.ts';
import { LaneReader } from '../../decode/speculative/lane-reader.ts';
import { probabilityOf, type Verdict, verdicts, verdictTokens } from '../../decode/speculative/step-judge.ts';
import type { GraphBuilder } from '../../graph/builder.ts';
import { float32, tensor, type Value } from '../../graph/types.ts';
import type { LlamaConfig } from '../../models/config.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { trainableLlama } from '../../models/llama-training.ts';
import { load } from '../../models/load.ts';
import { areaUnderCurve, type Judged } from '../../tasks/area-under-curve.ts';
import { findTask, problems } from '../../tasks/index.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { cachedLines } from '../line-cache.ts';
import { binaryCrossEntropy, weightedSum } from '../losses.ts';
import { openTrainable, type Trainable } from '../open-trainable.ts';
import { AdamW } from '../optimizers/adamw.ts';
import type { Parameters } from '../parameters.ts';
import type { Batch, Objective } from '../program.ts';
import { defineRecipe, type Recipe, type RecipeOptions } from '../recipe.ts';
import { cosineSchedule } from '../schedule.ts';
import { plainWeights, sequenceInputs } from '../sequence-model.ts';
import { hidden } from '../sequences.ts';
import { trainingStreams } from '../streams.ts';
import { chainSchema, chains, type Decision, type Reasoning } from './arbitrage-data.ts';
import { fingerprint } from './teacher.ts';

const chainsPerStep = 24;
/** So that a chain is seen about four times. */
const problemsPerStep = 6;
/** Problems whose chains are written at once, and between two writes to the file. */
const atOnce = 48;
const levels = 4;

const asked = Object.keys(verdicts) as Verdict[];
type Verdicts = Readonly<Record<Verdict, boolean>>;

/** What is to be said of a drafted step: the target has an advantage where its step alone is right. */
export const verdictsOn = ({ right, targetRight }: Decision): Verdicts => ({
  advantage: targetRight && !right,
  right,
});

/**
 * A chain as it is learned: a tree of rows, so that prompt and steps are read once for all verdicts. Its trunk is the prompt
 * and the answer that was written; a step that was not taken is a branch, which sees what is before it and is seen by none.
 */
export interface Example {
  tokens: readonly number[];
  /** Row before each row, -1 for the first. */
  parents: readonly number[];
  /** Last rows of the drafted steps, and the verdicts on them. */
  ends: readonly { row: number; verdicts: Verdicts }[];
}

export function exampleOf({ prompt }: Reasoning, decisions: readonly Decision[]): Example {
  const last = decisions[decisions.length - 1];
  const tokens = [...prompt, ...last.before, ...last.step];
  const parents = tokens.map((_, row) => row - 1);
  const ends = decisions.map((decision) => {
    let row = prompt.length + decision.before.length - 1;
    let isTaken = true;
    for (const token of decision.step) {
      isTaken &&= tokens[row + 1] === token && parents[row + 1] === row;
      if (!isTaken) {
        tokens.push(token);
        parents.push(row);
      }
      row = isTaken ? row + 1 : tokens.length - 1;
    }
    return { row, verdicts: verdictsOn(decision) };
  });
  return { tokens, parents, ends };
}

/**
 * Weights of yes and no that make both count the same, as most drafted steps are right and most others are lost: without
 * them the router learns to say no. They average 1 over the steps.
 */
export function balance(examples: readonly Example[], verdict: Verdict): { yes: number; no: number } {
  const labels = examples.flatMap(({ ends }) => ends.map(({ verdicts }) => verdicts[verdict]));
  const yes = labels.filter(Boolean).length;
  const weight = (count: number) => labels.length / (2 * Math.max(1, count));
  return { yes: weight(yes), no: weight(labels.length - yes) };
}

type Balance = Readonly<Record<Verdict, ReturnType<typeof balance>>>;

const stepsOf = (examples: readonly Example[]) => examples.reduce((sum, { ends }) => sum + ends.length, 0);

/** Rows of trees, and what is to be said at the ends of their steps. Shorter examples are padded behind. */
export function routerBatch(
  examples: readonly Example[],
  pad: number,
  { tokenizer, balances, normalizer }: { tokenizer: Tokenizer; balances: Balance; normalizer: number },
): Batch {
  const count = examples.length;
  const rows = Math.max(...examples.map(({ tokens }) => tokens.length));
  const ids = new Int32Array(count * rows).fill(pad);
  const positions = new Int32Array(count * rows);
  const bias = new Float32Array(count * rows * rows).fill(hidden);
  const ends: { row: number; verdicts: Verdicts }[] = [];
  for (const [n, example] of examples.entries()) {
    const first = n * rows;
    ids.set(example.tokens, first);
    for (let row = 0; row < rows; row++) {
      const parent = example.parents[row] ?? -1;
      const start = (first + row) * rows;
      if (parent >= 0) {
        positions[first + row] = positions[first + parent] + 1;
        bias.copyWithin(start, (first + parent) * rows, (first + parent + 1) * rows);
      }
      bias[start + row] = 0;
    }
    for (const { row, verdicts } of example.ends) ends.push({ row: first + row, verdicts });
  }
  const batch: Record<string, Batch[string]> = {
    ids: tensor('int32', [count, rows], ids),
    positions: tensor('int32', [count, rows], positions),
    bias: float32([count, 1, rows, rows], bias),
    ends: tensor(
      'int32',
      [ends.length],
      Int32Array.from(ends, ({ row }) => row),
    ),
  };
  for (const verdict of asked) {
    const signs = verdictTokens(tokenizer, verdict);
    const labels = ends.map(({ verdicts }) => verdicts[verdict]);
    const { yes, no } = balances[verdict];
    const pairs = Int32Array.from({ length: 2 * ends.length }, (_, i) => signs[i % 2]);
    batch[`signs.${verdict}`] = tensor('int32', [ends.length, 2], pairs);
    batch[`labels.${verdict}`] = float32([ends.length], labels.map(Number));
    const weights = labels.map((label) => (label ? yes : no) / normalizer);
    batch[`weights.${verdict}`] = float32([ends.length], weights);
  }
  return batch;
}

/** Σ weight · binary cross entropy of both verdicts, each as the difference of its two logits. */
export function routerObjective(config: LlamaConfig): Objective {
  return (b, weight) => {
    const inputs = sequenceInputs(b, ['batch', 1, 'rows', 'rows']);
    const headRows = b.input('ends', 'int32', ['steps']);
    const { logits } = trainableLlama(b, config, plainWeights(b, weight), inputs, { headRows });
    const losses = asked.map((verdict) => verdictLoss(b, logits, verdict));
    return {
      loss: b.add(losses[0], losses[1]),
      metrics: Object.fromEntries(asked.map((verdict, i) => [verdict, losses[i]])),
    };
  };
}

function verdictLoss(b: GraphBuilder, logits: Value, verdict: Verdict): Value {
  const signs = b.input(`signs.${verdict}`, 'int32', ['steps', 2]);
  const labels = b.input(`labels.${verdict}`, 'float32', ['steps']);
  const weights = b.input(`weights.${verdict}`, 'float32', ['steps']);
  const [yes, no] = b.split(b.gatherElements(logits, signs), 1, [1, 1]);
  return weightedSum(b, binaryCrossEntropy(b, b.reshape(b.sub(yes, no), ['steps']), labels), weights);
}

/** Training problem `n`: a word problem of one of the levels in turn. */
function problemAt(n: number, seed: number) {
  return problems(findTask('word-problems'), { split: 'train', seed, level: 1 + (n % levels) }).at(n);
}

/** Problems with the chains that both models write for them. */
async function chainsOf(
  ids: { draft: string; target: string },
  trainables: { draft: Trainable; target: Trainable },
  count: number,
  { seed, folder, runtime, signal, onAnswers }: RecipeOptions,
): Promise<{ reasoning: Reasoning; decisions: Decision[] }[]> {
  const all = Array.from({ length: count }, (_, n): Reasoning => {
    const { tokens, answerStart } = trainables.target.encode(problemAt(n, seed));
    return { prompt: [...tokens.subarray(0, answerStart)], reference: [...tokens.subarray(answerStart)] };
  });
  let pair: { draft: LanguageModel; target: LanguageModel } | undefined;
  try {
    const made = await cachedLines({
      path: folder && join(folder, 'chains.jsonl'),
      identity: {
        draft: fingerprint(trainables.draft.parameters),
        target: fingerprint(trainables.target.parameters),
        seed,
      },
      count,
      batch: atOnce,
      schema: chainSchema,
      make: async (first, end) => {
        pair ??= {
          draft: await load(ids.draft, { ...runtime, signal }),
          target: await load(ids.target, { ...runtime, signal }),
        };
        return chains(pair, all.slice(first, end), { first, seed, signal });
      },
      onProgress: onAnswers,
    });
    return all.map((reasoning, n) => ({ reasoning, decisions: made[n] }));
  } finally {
    await pair?.draft[Symbol.asyncDispose]();
    await pair?.target[Symbol.asyncDispose]();
  }
}

/** A drafted step with all before it, and what is to be said of it. */
interface Asked {
  tokens: readonly number[];
  verdicts: Verdicts;
}

/** P(yes) of both verdicts on drafted steps, by the router as it decodes. */
async function judged(router: LanguageModel, steps: readonly Asked[]): Promise<Record<Verdict, Judged[]>> {
  const lanes = new DraftLanes(router, { vocabSize: router.config.vocabSize, cost: 1 });
  const signs = asked.map((verdict) => verdictTokens(router.tokenizer, verdict));
  const all: Record<Verdict, Judged[]> = { advantage: [], right: [] };
  const askOne = async ({ tokens, verdicts }: Asked) => {
    const lane = lanes.open();
    const scores = await new LaneReader(lane).after(tokens, true);
    for (const [v, verdict] of asked.entries())
      all[verdict].push({ score: probabilityOf(scores, signs[v]), right: verdicts[verdict] });
    return lane;
  };
  for (let first = 0; first < steps.length; first += atOnce)
    for (const lane of await Promise.all(steps.slice(first, first + atOnce).map(askOne))) lane.close();
  return all;
}

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

/** Mean of the shares of yeses and of noes that are told apart at 0.5. */
function balancedAccuracy(scores: readonly Judged[]): number {
  const share = (of: boolean) => {
    const part = scores.filter(({ right }) => right === of);
    return part.filter(({ score }) => score > 0.5 === of).length / Math.max(1, part.length);
  };
  return (share(true) + share(false)) / 2;
}

function cardOf(
  { draft, target, start = { model: draft } }: RouterRecipe,
  { problems: count, scores }: { problems: number; scores: Record<Verdict, readonly Judged[]> },
): string {
  const rows = asked.map((verdict) => {
    const all = scores[verdict];
    const yes = all.filter(({ right }) => right).length / all.length;
    return `| ${verdict} | ${percent(yes)} | ${percent(balancedAccuracy(all))} | ${areaUnderCurve(all).toFixed(3)} |`;
  });
  const begun = start.layers ? `the first ${start.layers} layers of ${start.model}` : start.model;
  return `---
license: apache-2.0
library_name: quickstep
---
# Router of Arbitrage for ${target} and ${draft}

Judges steps that ${draft} writes in word problems: whether ${target} would write a better one (\`advantage\`), and whether
the step is right (\`right\`, for the baseline). The architecture and the first weights are those of ${begun}. Made by
\`quickstep train arbitrage\` from the steps of ${count} training problems of all levels, nine of ten for training and one
for the table. It belongs to the weights of both models that it was made with. Used by \`--method arbitrage\`.

| verdict on ${scores.right.length} drafted steps | yes | balanced accuracy at 0.5 | area under the ROC curve |
|---|---|---|---|
${rows.join('\n')}
`;
}

export interface RouterRecipe {
  /** Ids of the model that writes steps, and of the one that rewrites them. */
  draft: string;
  target: string;
  /** What the router begins as: a model, or its first layers. Default: the draft. */
  start?: { model: string; layers?: number };
}

/** A recipe of a router for some pair of models. */
export function arbitrageRecipe(ids: RouterRecipe): Recipe {
  const { start } = ids;
  return defineRecipe({
    slug: 'arbitrage',
    title: 'Router of Arbitrage',
    summary: `Judges the steps that ${ids.draft} writes, so that ${ids.target} rewrites those alone that it would write better.`,
    // Not that of the house models: other problems than they were trained on.
    seed: 7,
    smokeSteps: 10,
    prepare: async (options) => {
      const { seed, steps = 12_000 } = options;
      const trainables = { draft: await openTrainable(ids.draft), target: await openTrainable(ids.target) };
      const { config, tokenizer, pad, parameters, save, decoder } = start
        ? await openTrainable(start.model, { layers: start.layers })
        : trainables.draft;
      const count = Math.max(20, steps * problemsPerStep);
      const all = await chainsOf(ids, trainables, count, options);
      // Whole problems, from all levels, or the table would be about steps that were trained on.
      const isHeldOut = (n: number) => Math.floor(n / levels) % 10 === 9;
      const training = all.flatMap(({ reasoning, decisions }, n) =>
        isHeldOut(n) ? [] : [exampleOf(reasoning, decisions)],
      );
      const heldOut = all.flatMap(({ reasoning: { prompt }, decisions }, n): Asked[] =>
        isHeldOut(n)
          ? decisions.map((decision) => ({
              tokens: [...prompt, ...decision.before, ...decision.step],
              verdicts: verdictsOn(decision),
            }))
          : [],
      );
      const balances = { advantage: balance(training, 'advantage'), right: balance(training, 'right') };
      return {
        plan: {
          parameters,
          objective: routerObjective(config),
          batches: (step) => {
            const examples = Array.from({ length: chainsPerStep }, (_, position) => {
              const at = uniform({ seed, stream: trainingStreams.example, step, position });
              return training[Math.floor(at * training.length)];
            }).sort((a, b) => a.tokens.length - b.tokens.length);
            const half = examples.length / 2;
            const context = { tokenizer, balances, normalizer: stepsOf(examples) };
            return [examples.slice(0, half), examples.slice(half)].map((part) =>
              routerBatch(part, pad, context),
            );
          },
          steps,
          schedule: cosineSchedule(1e-3, steps, Math.min(50, steps / 10)),
          optimizer: (weights, trained) => new AdamW(weights, trained),
          clip: 1,
        },
        save: async (folder, weights: Parameters) => {
          await save(folder, weights);
          await using router = await decoder(weights, options.runtime);
          const scores = await judged(router, heldOut);
          await writeFile(join(folder, 'README.md'), cardOf(ids, { problems: count, scores }));
        },
      };
    },
  });
}

export const arbitrage = arbitrageRecipe({ draft: 'house-draft', target: 'house-causal' });
