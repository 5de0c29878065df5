/**
 * clover, house-clover: Clover heads (arXiv:2405.00263) for a model that is not changed, trained on the model's own answers
 * as Medusa's are. Each head is told the true tokens before its own (teacher forcing) and its loss is the cross entropy to
 * the true token, with Medusa's weights of the heads, so that what is compared is the heads.
 */

import { KvBatch } from '../../cache/index.ts';
import { float32, tensor, type Value } from '../../graph/types.ts';
import type { DraftBase } from '../../models/draft-heads/base.ts';
import {
  attentionDecoder,
  augmentingConfig,
  augmentingPrefix,
  type CloverFacts,
  cloverShapes,
  firstHidden,
  nextHidden,
  unitStates,
} from '../../models/draft-heads/clover.ts';
import { CloverHeads } from '../../models/draft-heads/clover-heads.ts';
import type { HeadShapes } from '../../models/draft-heads/file.ts';
import type { Ranked } from '../../models/draft-heads/ranked.ts';
import { EmbeddingRows } from '../../models/draft-heads/rows.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { trainableLayers } from '../../models/llama-training.ts';
import { openCheckpoint } from '../../weights/checkpoint.ts';
import { initialize, type Parameter } from '../parameters.ts';
import type { Batch, Objective } from '../program.ts';
import type { Recipe } from '../recipe.ts';
import { plainWeights } from '../sequence-model.ts';
import { hidden as unseen } from '../sequences.ts';
import { passageRows } from './self-distillation/answers.ts';
import {
  chatData,
  type HeadChoice,
  type HeadTraining,
  headLoss,
  headRecipe,
  headTargets,
  houseData,
  type TaughtHeads,
  targetInputs,
} from './self-distillation/head-recipe.ts';
import type { Passage } from './self-distillation/passages.ts';

const heads = 3;

/** Parts that a control goes without. */
export interface CloverParts {
  /** Without it the augmenting layer stays the identity. Default true. */
  augmenting?: boolean;
  /** Without it heads are not told the tokens guessed before. Default true. */
  regressive?: boolean;
}

/** The loss of `headLoss` over the inputs of `cloverBatch`. */
export function cloverObjective(facts: CloverFacts, base: DraftBase): Objective {
  const { hiddenSize: d, regressive } = facts;
  return (b, weight) => {
    const weights = plainWeights(b, weight);
    const flat = (x: Value) => b.reshape(x, ['batch*rows', d]);
    const table = b.input('embeddings', 'float32', ['tokens', d]);
    const decode = (s: Value, e: Value) => attentionDecoder(b, weights, facts, base.normEpsilon, s, e);
    const s = unitStates(b, base, flat(b.input('states', 'float32', ['batch', 'rows', d])));
    const e = b.gather(table, b.input('given', 'int32', ['batch*rows']));
    const layer = trainableLayers(b, augmentingConfig(facts, base), weights, {
      positions: b.input('positions', 'int32', ['batch', 'rows']),
      bias: b.input('bias', 'float32', [1, 1, 'rows', 'rows']),
    });
    let g = b.gather(layer(decode(s, e), 0), b.input('headRows', 'int32', ['headRows']));
    const hidden = [firstHidden(b, weights, base, g)];
    for (let head = 1; head < heads; head++) {
      const guessed = b.gather(table, b.input(`guessed.${head}`, 'int32', ['headRows']));
      const e = regressive ? guessed : b.mul(guessed, 0);
      g = decode(g, e);
      hidden.push(nextHidden(b, weights, base, g, e));
    }
    return headLoss(b, base, hidden);
  };
}

/**
 * Passages side by side, padded to the longest. Embeddings are those of the batch's own tokens, the first of them zero, for
 * what stands behind an end:
 *
 *   given        [batch · rows]  number of the embedding of the token behind each row
 *   guessed.<h>  [head rows]     and of the token that head h, from 1, is told of
 */
export function cloverBatch(
  passages: readonly Passage[],
  placeOf: ReadonlyMap<number, number>,
  embeddings: EmbeddingRows,
): Batch {
  const d = embeddings.width;
  const rows = Math.max(...passages.map(({ tokens }) => tokens.length - 1));
  const count = passages.length;
  const distinct = [...new Set(passages.flatMap(({ tokens }) => tokens))];
  const numberOf = new Map(distinct.map((token, n) => [token, n + 1]));
  const table = new Float32Array((distinct.length + 1) * d);
  table.set(embeddings.of(distinct), d);
  const states = new Float32Array(count * rows * d);
  const given = new Int32Array(count * rows);
  const headRows: number[] = [];
  const guessed: number[][] = Array.from({ length: heads }, () => []);
  for (const [n, { states: own, tokens, first }] of passages.entries()) {
    const numbers = tokens.map((token) => numberOf.get(token)!);
    states.set(own, n * rows * d);
    given.set(numbers.slice(1), n * rows);
    for (let at = first; at < tokens.length - 1; at++) {
      headRows.push(n * rows + at);
      for (let head = 1; head < heads; head++) guessed[head].push(numbers[at + 1 + head] ?? 0);
    }
  }
  const isSeen = (i: number) => i % rows <= Math.floor(i / rows);
  const ints = (data: ArrayLike<number>) => tensor('int32', [data.length], Int32Array.from(data));
  return {
    states: float32([count, rows, d], states),
    embeddings: float32([distinct.length + 1, d], table),
    given: ints(given),
    positions: tensor(
      'int32',
      [count, rows],
      Int32Array.from(given, (_, i) => i % rows),
    ),
    bias: float32(
      [1, 1, rows, rows],
      Float32Array.from({ length: rows * rows }, (_, i) => (isSeen(i) ? 0 : unseen)),
    ),
    headRows: ints(headRows),
    ...Object.fromEntries(guessed.slice(1).map((numbers, i) => [`guessed.${i + 1}`, ints(numbers)])),
    ...targetInputs(headTargets(passages, placeOf, heads)),
  };
}

/** Weights of the model's last layer, under the augmenting layer's names. */
async function lastLayer(
  { config, path }: LanguageModel,
  names: Iterable<string>,
): Promise<Map<string, Float32Array>> {
  const checkpoint = await openCheckpoint(path!);
  try {
    const weights = new Map<string, Float32Array>();
    for (const name of names) {
      if (!name.startsWith(augmentingPrefix)) continue;
      const rest = name.slice(augmentingPrefix.length);
      weights.set(name, await checkpoint.read(`model.layers.${config.layers - 1}.${rest}`));
    }
    return weights;
  } finally {
    await checkpoint.close();
  }
}

/**
 * Where training begins: the augmenting layer with the weights of the model's last but for those that write, which are
 * zero, the decoder with values of zero, and M₁ and M₂ as identities of the state. So every head begins as the model's own
 * output head, as Medusa's do.
 */
async function start(
  model: LanguageModel,
  { hiddenSize: d }: CloverFacts,
  shapes: HeadShapes,
  seed: number,
): Promise<Map<string, Parameter>> {
  const known = await lastLayer(model, shapes.keys());
  const parameters = initialize(
    shapes,
    (name) => {
      if (/norm/.test(name)) return { constant: 1 };
      return /decoder\.(query|key)\.weight/.test(name) ? { deviation: 1 / Math.sqrt(d) } : { constant: 0 };
    },
    seed,
  );
  for (const [name, data] of known)
    if (!/(o_proj|down_proj)/.test(name)) parameters.get(name)!.data.set(data);
  for (let i = 0; i < d; i++) {
    parameters.get('first.weight')!.data[i * d + i] = 1;
    parameters.get('next.weight')!.data[i * 2 * d + i] = 1;
  }
  return parameters;
}

/** The heads' guesses with the true tokens before them. */
async function taught(ready: CloverHeads): Promise<TaughtHeads> {
  const { facts } = ready;
  const batch = new KvBatch(ready.config);
  return {
    rank: async ({ states, tokens, first }) => {
      const cache = batch.open();
      const following = tokens.slice(1);
      const asked = following.map((_, row) => row).slice(first);
      const sequence = cache.slots.createSequence();
      let [guesses] = await ready.read([{ cache, sequence, states, following, asked }]);
      batch.close(cache);
      const ranked: Ranked[][] = guesses.map((guess) => [guess]);
      for (let head = 1; head < facts.heads; head++) {
        // Behind the text it does not matter what is asked.
        const told = asked.map((row) => tokens[row + 1 + head] ?? tokens[0]);
        guesses = await ready.follow(guesses.map(({ state }, n) => ({ state, token: told[n] })));
        for (const [n, guess] of guesses.entries()) ranked[n].push(guess);
      }
      return ranked;
    },
    [Symbol.asyncDispose]: () => ready[Symbol.asyncDispose](),
  };
}

/** Clover heads as `headRecipe` trains them, whole or as a control. */
export const cloverTraining =
  ({ augmenting = true, regressive = true }: CloverParts = {}) =>
  async ({ model, base, facts: known, seed }: HeadChoice): Promise<HeadTraining<CloverFacts>> => {
    const { config, precision } = model;
    const { heads: decoderHeads, kvHeads, headDim, intermediateSize, ropeTheta } = config;
    const layer = { heads: decoderHeads, kvHeads, headDim, intermediateSize, ropeTheta, window: passageRows };
    const facts: CloverFacts = { kind: 'clover', ...known, heads, decoderHeads, layer, regressive };
    const shapes = cloverShapes(facts);
    const embeddings = new EmbeddingRows(base.embedding, base.hiddenSize);
    return {
      facts,
      shapes,
      parameters: await start(model, facts, shapes, seed),
      objective: cloverObjective(facts, base),
      trained: augmenting ? undefined : (name) => !name.startsWith(augmentingPrefix),
      batch: (passages, placeOf) => cloverBatch(passages, placeOf, embeddings),
      ready: async (weights) => taught(await CloverHeads.load({ facts, weights }, base, precision)),
    };
  };

export const clover = headRecipe({
  slug: 'clover',
  title: 'Clover heads',
  summary:
    'Three heads that guess one after the other what follows the next token of SmolLM2; for the method clover.',
  data: chatData,
  training: cloverTraining(),
  learningRate: 0.004,
  smokeSteps: 2,
});

/** Heads for house-causal, whole or as a control. */
export const houseCloverOf = (
  names: Pick<Recipe, 'slug' | 'title' | 'summary'>,
  parts?: CloverParts,
): Recipe =>
  headRecipe({
    ...names,
    data: houseData,
    training: cloverTraining(parts),
    learningRate: 0.01,
    smokeSteps: 10,
  });

export const houseClover = houseCloverOf({
  slug: 'house-clover',
  title: 'Clover heads',
  summary:
    'Three heads that guess one after the other what follows the next token of house-causal; for the method clover.',
});
