/** Medusa heads: what they begin as, what they compute, and what a damaged or foreign file is told. */

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normal } from '../../decode/random.ts';
import { savedMedusa, someMedusa } from '../../decode/testing/heads.ts';
import { loadStories } from '../../decode/testing/models.ts';
import type { LanguageModel } from '../language-model.ts';
import { readDraftBase } from './base.ts';
import { MedusaHeads, openMedusa } from './medusa.ts';

const choice = { model: 'stories260k', hiddenSize: 64, vocabSize: 512 };

describe.each(['fp32', 'w8a8'] as const)('heads of stories260k in %s', (precision) => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadStories(precision);
  });
  afterAll(() => model[Symbol.asyncDispose]());

  /** States and scores of a text. */
  async function read(text: string) {
    const tokens = model.tokenizer.encode(text);
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    const groups = [{ sequence, tokens, scored: [...tokens.keys()] }];
    const { states, scores } = await model.forward(cache, groups, { states: true, logits: true });
    return { states: states!.slice(), scores: scores[0], rows: tokens.length };
  }

  it('without weights say what the model says next', async () => {
    const { facts, weights } = someMedusa(choice);
    const zeros = new Map([...weights].map(([name, data]) => [name, new Float32Array(data.length)]));
    const tokens = [...Array(512).keys()];
    await using heads = await MedusaHeads.load(
      { facts: { ...facts, tokens }, weights: zeros },
      await readDraftBase(model, tokens),
      precision,
    );
    const { states, scores, rows } = await read(
      'Once upon a time, there was a little girl. She said, "I like',
    );
    const ranked = await heads.rank(states);
    let same = 0;
    for (const [row, alternatives] of ranked.entries()) {
      if (alternatives[0].tokens[0] === scores.topToken(row)) same++;
      // All heads alike, and as sure as the model, up to the rounding of 8 bits.
      for (const { tokens, probabilities } of alternatives) {
        expect(tokens).toEqual(alternatives[0].tokens);
        expect(Math.log(probabilities[0])).toBeCloseTo(scores.topLogProb(row), precision === 'fp32' ? 3 : 0);
      }
    }
    expect(same).toBeGreaterThanOrEqual(precision === 'fp32' ? rows : rows - 2);
  });

  it('rank the tokens of the formula', async () => {
    const { facts, weights } = someMedusa(choice);
    const base = await readDraftBase(model, facts.tokens);
    await using heads = await MedusaHeads.load({ facts, weights }, base, 'fp32');
    const d = facts.hiddenSize;
    const state = Float32Array.from({ length: d }, (_, position) =>
      normal({ seed: 1, stream: 202, step: 0, position }),
    );
    const [ranked] = await heads.rank(state);
    const rms = Math.sqrt(state.reduce((sum, x) => sum + x * x, 0) / d + base.normEpsilon);
    const times = (matrix: Float32Array, at: number, stride: number, x: ArrayLike<number>) => {
      let sum = 0;
      for (let i = 0; i < d; i++) sum += x[i] * matrix[at + i * stride];
      return sum;
    };
    const h = Array.from(
      { length: d },
      (_, j) =>
        base.finalNorm[j] *
        times(
          base.basis,
          j,
          d,
          state.map((x) => x / rms),
        ),
    );
    for (const [head, { tokens, probabilities }] of ranked.entries()) {
      const [matrix, bias] = [weights.get(`${head}.0.weight`)!, weights.get(`${head}.0.bias`)!];
      const z = h.map((x, i) => {
        const y = times(matrix, i * d, 1, h) + bias[i];
        return x + y / (1 + Math.exp(-y));
      });
      const logits = facts.tokens.map((_, place) => times(base.head, place * d, 1, z));
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit - logits[0]), 0);
      const expected = facts.tokens
        .map((token, place) => ({ token, probability: Math.exp(logits[place] - logits[0]) / total }))
        .sort((a, b) => b.probability - a.probability)
        .slice(0, tokens.length);
      expect([...tokens]).toEqual(expected.map(({ token }) => token));
      for (const [rank, { probability }] of expected.entries())
        expect(probabilities[rank]).toBeCloseTo(probability, 4);
    }
  });

  it('gets the same states of a row whatever runs beside it', async () => {
    const tokens = model.tokenizer.encode('Tom and Lily went to the park. They');
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    const whole = await read('Tom and Lily went to the park. They');
    for (const [row, token] of tokens.entries()) {
      const group = { sequence, tokens: [token], scored: [0] };
      const { states, newRows } = await model.forward(cache, [group], { states: true });
      cache.commit(sequence, newRows, [0]);
      const expected = whole.states.subarray(row * 64, (row + 1) * 64);
      if (precision === 'w8a8') expect(states).toEqual(expected);
      else for (const [i, value] of states!.entries()) expect(value).toBeCloseTo(expected[i], 3);
    }
  });
});

describe('a file of heads', () => {
  let model: LanguageModel;
  let folder: string;
  const copies = mkdtemp(join(tmpdir(), 'quickstep-heads-test-'));
  beforeAll(async () => {
    model = await loadStories('w8a8');
    folder = await savedMedusa(choice);
  });
  afterAll(async () => {
    await model[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
    await rm(await copies, { recursive: true });
  });

  async function changed(name: string, change: (facts: Record<string, unknown>) => unknown): Promise<string> {
    const copy = join(await copies, name);
    await cp(folder, copy, { recursive: true });
    const path = join(copy, 'heads.json');
    const facts = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify(change(facts)));
    return copy;
  }

  it('is opened once for a model', async () => {
    const opening = openMedusa(model, folder);
    expect(openMedusa(model, folder)).toBe(opening);
    expect((await opening).facts).toEqual(someMedusa(choice).facts);
  });

  it.each([
    ['another-model', (facts: object) => ({ ...facts, vocabSize: 513 }), 'unsupported'],
    ['no-shape', (facts: object) => ({ ...facts, layers: 2 }), 'bad-file'],
    ['unknown-field', (facts: object) => ({ ...facts, colour: 'red' }), 'bad-file'],
    ['foreign-token', (facts: object) => ({ ...facts, tokens: [1, 512] }), 'bad-file'],
    ['same-token', (facts: object) => ({ ...facts, tokens: [7, 7] }), 'bad-file'],
    ['many-heads', (facts: object) => ({ ...facts, heads: 1000 }), 'bad-file'],
  ])('is refused: %s', async (name, change, code) => {
    await expect(openMedusa(model, await changed(name, change))).rejects.toMatchObject({ code });
  });

  it('that is cut off is refused', async () => {
    const copy = await changed('cut', (facts) => facts);
    const path = join(copy, 'heads.safetensors');
    await writeFile(path, (await readFile(path)).subarray(0, 5000));
    await expect(openMedusa(model, copy)).rejects.toMatchObject({ code: 'bad-file' });
  });

  it('that is not there is named', async () => {
    const opening = openMedusa(model, 'no-such-heads');
    await expect(opening).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('"no-such-heads"'),
    });
  });
});
