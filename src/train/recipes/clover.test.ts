/** Where training of Clover heads begins, and what a step sees. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KvBatch } from '../../cache/index.ts';
import { loadStories } from '../../decode/testing/models.ts';
import { readDraftBase } from '../../models/draft-heads/base.ts';
import { CloverHeads } from '../../models/draft-heads/clover-heads.ts';
import { EmbeddingRows } from '../../models/draft-heads/rows.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { cloverBatch, cloverTraining } from './clover.ts';

describe('training', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadStories('fp32');
  });
  afterAll(() => model[Symbol.asyncDispose]());

  it('begins with heads that say what the model says next', async () => {
    const tokens = [...Array(512).keys()];
    const base = await readDraftBase(model, tokens);
    const known = { model: 'stories260k', hiddenSize: 64, vocabSize: 512, accuracies: [[0]], tokens };
    const { facts, parameters } = await cloverTraining()({ model, base, facts: known, seed: 1 });
    const weights = new Map([...parameters].map(([name, { data }]) => [name, data]));
    await using heads = await CloverHeads.load({ facts, weights }, base, 'fp32');

    const text = model.tokenizer.encode('Once upon a time, there was a little girl. She said, "I like');
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    const group = { sequence, tokens: text, scored: [...text.keys()] };
    const { states, scores } = await model.forward(cache, [group], { states: true });
    const own = new KvBatch(heads.config).open();
    const following = [...text.slice(1), 7];
    const rows = { cache: own, sequence: own.slots.createSequence(), states: states!, following };
    const [guesses] = await heads.read([{ ...rows, asked: [...text.keys()] }]);
    const next = await heads.follow(guesses.map(({ state }) => ({ state, token: 9 })));
    for (const [row, guess] of guesses.entries()) {
      expect(guess.tokens[0]).toBe(scores[0].topToken(row));
      expect(next[row].tokens).toEqual(guess.tokens);
    }
  });

  it('tells each head the tokens before its own', () => {
    const embeddings = new EmbeddingRows(
      Float32Array.from({ length: 40 }, (_, i) => (i % 2 ? 1 : i)),
      2,
    );
    const passages = [
      { states: Float32Array.from({ length: 6 }, (_, i) => i), tokens: [5, 6, 7, 8], first: 1 },
      { states: Float32Array.of(9, 9), tokens: [7, 9], first: 0 },
    ];
    const { given, headRows, states, ...batch } = cloverBatch(passages, new Map(), embeddings);
    // Embeddings in the order in which tokens come: 5 6 7 8 9 are numbers 1 to 5.
    expect([...given.data]).toEqual([2, 3, 4, 5, 0, 0]);
    expect([...headRows.data]).toEqual([1, 2, 3]);
    expect([...batch['guessed.1'].data]).toEqual([4, 0, 0]);
    expect([...batch['guessed.2'].data]).toEqual([0, 0, 0]);
    expect([...states.data]).toEqual([0, 1, 2, 3, 4, 5, 9, 9, 0, 0, 0, 0]);
    expect([...batch.embeddings.data].slice(0, 2)).toEqual([0, 0]);
    expect(batch.embeddings.shape).toEqual([6, 2]);
  });
});
