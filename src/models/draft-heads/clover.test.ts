/** Clover heads: the formula, the cache of the augmenting block, gradients, and what a damaged file is told. */

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KvBatch } from '../../cache/index.ts';
import { normal } from '../../decode/random.ts';
import { savedClover, someClover } from '../../decode/testing/heads.ts';
import { loadStories } from '../../decode/testing/models.ts';
import { float32 } from '../../graph/types.ts';
import { TrainingProgram } from '../../train/program.ts';
import { cloverBatch, cloverObjective } from '../../train/recipes/clover.ts';
import { headTargets } from '../../train/recipes/self-distillation/head-recipe.ts';
import type { LanguageModel } from '../language-model.ts';
import { type DraftBase, readDraftBase } from './base.ts';
import { cloverShapes } from './clover.ts';
import { CloverHeads, type Guess, loadClover } from './clover-heads.ts';
import { EmbeddingRows, unitRows } from './rows.ts';

const choice = { model: 'stories260k', hiddenSize: 64, vocabSize: 512 };
const d = choice.hiddenSize;
const { facts, weights } = someClover(choice);
const text = [1, 40, 300, 7, 7, 91, 260, 13, 401, 33, 250, 11, 8, 77, 120, 5, 61, 19];

/** States of a text's tokens but the last. */
const states = Float32Array.from({ length: (text.length - 1) * d }, (_, position) =>
  normal({ seed: 2, stream: 203, step: 0, position }),
);
const statesOf = (first: number, end: number) => states.subarray(first * d, end * d);

let model: LanguageModel;
let base: DraftBase;
const copies = mkdtemp(join(tmpdir(), 'quickstep-clover-test-'));
beforeAll(async () => {
  model = await loadStories('fp32');
  base = await readDraftBase(model, facts.tokens);
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await rm(await copies, { recursive: true });
});

/** The first head's guesses behind every row of the text, read in pieces that end before these places. */
async function readIn(heads: CloverHeads, ...ends: number[]): Promise<Guess[]> {
  const cache = new KvBatch(heads.config).open();
  const sequence = cache.slots.createSequence();
  const guesses: Guess[] = [];
  let first = 0;
  for (const end of ends) {
    const following = text.slice(first + 1, end + 1);
    const asked = [...following.keys()];
    const rows = { cache, sequence, states: statesOf(first, end), following, asked };
    guesses.push(...(await heads.read([rows])).flat());
    first = end;
  }
  return guesses;
}

describe.each(['fp32', 'w8a8'] as const)('heads in %s', (precision) => {
  let heads: CloverHeads;
  beforeAll(async () => {
    heads = await CloverHeads.load({ facts, weights }, base, precision);
  });
  afterAll(() => heads[Symbol.asyncDispose]());

  it('guess the same however the text is cut into forwards', async () => {
    const whole = await readIn(heads, text.length - 1);
    for (const ends of [
      [5, 6, 7, 17],
      [1, 16, 17],
    ])
      for (const [row, guess] of (await readIn(heads, ...ends)).entries()) {
        expect(guess.tokens[0]).toBe(whole[row].tokens[0]);
        if (precision === 'w8a8') expect(guess.state).toEqual(whole[row].state);
        else
          for (const [i, value] of guess.state.entries()) expect(value).toBeCloseTo(whole[row].state[i], 4);
      }
  });

  it('guess the same whatever lanes are beside', async () => {
    const [alone, batch] = [await readIn(heads, 17), new KvBatch(heads.config)];
    const lane = (first: number, end: number) => {
      const cache = batch.open();
      const rows = { cache, sequence: cache.slots.createSequence(), states: statesOf(first, end) };
      return { ...rows, following: text.slice(first + 1, end + 1), asked: [end - first - 1] };
    };
    const [[short], [long]] = await heads.read([lane(0, 4), lane(0, 17)]);
    expect(short.tokens).toEqual(alone[3].tokens);
    expect(long.tokens).toEqual(alone[16].tokens);
  });
});

describe('training', () => {
  const passages = [
    { states: statesOf(0, 9), tokens: text.slice(0, 10), first: 3 },
    { states: statesOf(9, 17), tokens: text.slice(9, 18), first: 0 },
  ];
  const placeOf = new Map(facts.tokens.map((token, place) => [token, place]));
  const batchOf = () => cloverBatch(passages, placeOf, new EmbeddingRows(base.embedding, d));
  const shapes = cloverShapes(facts);
  const parameters = () =>
    new Map([...shapes].map(([name, shape]) => [name, float32([...shape], weights.get(name)!.slice())]));

  it('has the loss that the heads have when they run', async () => {
    const batch = batchOf();
    await using program = await TrainingProgram.load(shapes, cloverObjective(facts, base));
    await using heads = await CloverHeads.load({ facts, weights }, base, 'fp32');
    const embeddings = new EmbeddingRows(base.embedding, d);
    const { targets, weights: shares } = headTargets(passages, placeOf, 3);
    const rows = targets.length / 3;
    let [loss, row] = [0, 0];
    for (const { states, tokens, first } of passages) {
      const cache = new KvBatch(heads.config).open();
      const following = tokens.slice(1);
      const asked = [...following.keys()].slice(first);
      const given = { cache, sequence: cache.slots.createSequence(), states, following, asked };
      const guesses = (await heads.read([given])).flat();
      for (const [i, at] of asked.entries()) {
        let { state } = guesses[i];
        for (let head = 0; head < 3; head++) {
          const told = tokens[at + 1 + head];
          if (told === undefined) break;
          if (head > 0) [{ state }] = await heads.follow([{ state, token: told }]);
          const input = head > 0 ? [...state, ...embeddings.of([told])] : [...state];
          const n = head * rows + row;
          if (shares[n] > 0)
            loss -= shares[n] * logProbability(input, head > 0 ? 'next' : 'first', targets[n]);
        }
        row++;
      }
    }
    expect((await program.run(parameters(), batch)).loss / loss).toBeCloseTo(1, 4);
  });

  /** Of the drafted token at a place, from what M₁ or M₂ is multiplied with. */
  function logProbability(input: readonly number[], name: 'first' | 'next', place: number): number {
    const product = (matrix: Float32Array, row: number, x: ArrayLike<number>) =>
      Array.from(x).reduce((sum, value, i) => sum + value * matrix[row * x.length + i], 0);
    const matrix = weights.get(`${name}.weight`)!;
    const x = Array.from({ length: d }, (_, i) => product(matrix, i, input));
    const rms = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / d + base.normEpsilon);
    const z = x.map((value, i) => (value / rms) * base.finalNorm[i]);
    const logits = facts.tokens.map((_, n) => product(base.head, n, z));
    return logits[place] - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  }

  it('has the gradients of finite differences', async () => {
    await using program = await TrainingProgram.load(shapes, cloverObjective(facts, base));
    const [point, batch] = [parameters(), batchOf()];
    const { gradients } = await program.run(point, batch);
    for (const [name, gradient] of gradients) {
      // Along the gradient itself, where the difference is the largest: |g| of a step.
      const length = Math.hypot(...gradient);
      expect(length, name).toBeGreaterThan(0);
      const { data } = point.get(name)!;
      const start = data.slice();
      const at = async (step: number) => {
        for (const [i, g] of gradient.entries()) data[i] = start[i] + (step * g) / length;
        return (await program.run(point, batch)).loss;
      };
      const step = 0.02;
      const slope = ((await at(step)) - (await at(-step))) / (2 * step);
      data.set(start);
      expect(Math.abs(slope / length - 1), name).toBeLessThan(0.05);
    }
  });

  it('tells a head without the regressive connection nothing', async () => {
    const blind = { ...facts, regressive: false };
    await using heads = await CloverHeads.load({ facts: blind, weights }, base, 'fp32');
    const [guess] = await readIn(heads, 1);
    const [a, b] = await heads.follow([3, 200].map((token) => ({ state: guess.state, token })));
    expect(a.tokens).toEqual(b.tokens);
  });
});

it('embeddings have a length of their own, and none where there is none', () => {
  const rows = unitRows(Float32Array.of(3, 4, 0, 0), 2);
  expect(Math.hypot(rows[0], rows[1])).toBeCloseTo(Math.SQRT2, 6);
  expect([...rows.subarray(2)]).toEqual([0, 0]);
});

describe('a file of heads', () => {
  it.each([
    ['odd', (facts: object) => ({ ...facts, decoderHeads: 5 }), 'bad-file'],
    ['no-layer', (facts: object) => ({ ...facts, layer: undefined }), 'bad-file'],
    ['medusa', (facts: object) => ({ ...facts, kind: 'medusa' }), 'bad-file'],
    ['another-model', (facts: object) => ({ ...facts, vocabSize: 513 }), 'unsupported'],
  ])('is refused: %s', async (name, change, code) => {
    const copy = join(await copies, name);
    await cp(await savedClover(choice), copy, { recursive: true });
    const path = join(copy, 'heads.json');
    await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))));
    await expect(loadClover(model, copy)).rejects.toMatchObject({ code });
  });
});
