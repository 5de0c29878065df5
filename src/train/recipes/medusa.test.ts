/** The parts of the recipe of Medusa heads, and that its training data come back as they were made. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadStories } from '../../decode/testing/models.ts';
import { medusaBatch } from './medusa.ts';
import { promptedAnswers } from './self-distillation/answers.ts';
import { frequentTokens } from './self-distillation/draft-vocabulary.ts';
import { drawn } from './self-distillation/draw.ts';
import { judge } from './self-distillation/judge.ts';
import { readPassage } from './self-distillation/passages.ts';
import { requestAbout, requestOf, requestWith } from './self-distillation/prompts.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-medusa-'));
afterAll(() => rm(folder, { recursive: true }));

describe('self-distillation', () => {
  const prompts = ['Once upon a time', 'Lily and Tom', 'The dog'];

  it('keeps the states that the model has when it reads the answers again', async () => {
    await using model = await loadStories('w8a8');
    const source = promptedAnswers((n) => model.tokenizer.encode(prompts[n]));
    const options = { seed: 3, folder };
    const first = await source(model, 2, options);
    await first[Symbol.asyncDispose]();
    // Goes on behind what is there, and does not make it again.
    const told: number[] = [];
    await using data = await source(model, 3, { ...options, onAnswers: (done) => told.push(done) });
    expect(told).toEqual([2, 3]);
    expect(data.answers.slice(0, 2)).toEqual(first.answers);
    for (const [n, answer] of data.answers.entries()) {
      const { states, tokens, first: start } = await readPassage(data, n);
      expect(tokens).toEqual([...answer.prompt, ...answer.tokens]);
      expect(start).toBe(answer.prompt.length - 1);
      const cache = model.newCache();
      const sequence = cache.slots.createSequence();
      const group = { sequence, tokens: tokens.slice(0, -1), scored: [] };
      const forward = await model.forward(cache, [group], { states: true });
      const again = forward.states!;
      expect(states).toHaveLength(again.length);
      for (let row = 0; row < tokens.length - 1; row++) {
        const [kept, now] = [states, again].map((all) => all.subarray(row * 64, (row + 1) * 64));
        const rms = Math.sqrt(now.reduce((sum, x) => sum + x * x, 0) / 64);
        for (let i = 0; i < 64; i++) expect(kept[i]).toBeCloseTo(now[i] / rms, 2);
      }
    }
  });

  it('fills every slot of its requests, and seldom asks the same twice', () => {
    const requests = Array.from({ length: 500 }, (_, n) => requestOf(7, n));
    for (const request of requests) expect(request).not.toMatch(/[{}]|undefined/);
    expect(new Set(requests).size).toBeGreaterThan(450);
    expect(requestOf(7, 3)).toBe(requests[3]);
    for (let n = 0; n < 50; n++) {
      const request = requestAbout('A text with {n} braces, $& and more.', 7, n);
      expect(request).toContain('A text with {n} braces, $& and more.');
      expect(request.replace('{n}', '')).not.toMatch(/[{}\0]|undefined/);
    }
    const vocabulary = ['Weald', 'Quark', 'Zürich', 'tally'];
    const withWords = Array.from({ length: 100 }, (_, n) => requestWith(vocabulary, 7, n));
    for (const request of withWords) {
      expect(request).not.toMatch(/[{}]|undefined/);
      expect(vocabulary.some((word) => request.includes(word))).toBe(true);
    }
    for (const word of vocabulary) expect(withWords.join()).toContain(word);
    expect(requestWith(vocabulary, 7, 3)).toBe(withWords[3]);
  });
});

describe('training', () => {
  it('asks each head for the token so many places behind the next one', () => {
    const passages = [
      { states: Float32Array.from({ length: 8 }, (_, i) => i), tokens: [9, 10, 11, 12, 13], first: 1 },
    ];
    const placeOf = new Map([
      [12, 0],
      [13, 1],
    ]);
    const { states, targets, weights } = medusaBatch(passages, placeOf, 2);
    // Rows of tokens 10, 11 and 12; the first head is to say 12, 13 and nothing.
    expect([...states.data]).toEqual([2, 3, 4, 5, 6, 7]);
    expect([...targets.data].slice(0, 6)).toEqual([0, 1, 0, 1, 0, 0]);
    const third = Math.fround(1 / 3);
    const second = Math.fround(0.8 / 3);
    expect([...weights.data].slice(0, 6)).toEqual([third, third, 0, second, 0, 0]);
  });

  it('shows every answer once in a round, in another order each time', () => {
    const numbers = [3, 5, 8, 13, 21, 34];
    const rounds = [1, 2].map((round) =>
      [0, 1, 2].flatMap((i) => drawn(numbers, 4, 3 * (round - 1) + i + 1, 2)),
    );
    for (const round of rounds) expect([...round].sort((a, b) => a - b)).toEqual(numbers);
    expect(rounds[0]).not.toEqual(rounds[1]);
    // A step that lies across two rounds.
    expect(drawn(numbers, 4, 2, 4)).toEqual([...rounds[0].slice(4), ...rounds[1].slice(0, 2)]);
  });

  it('drafts the most frequent tokens, then the lowest numbers', () => {
    expect(
      frequentTokens(
        [
          [5, 5, 2],
          [7, 2, 5],
        ],
        9,
        5,
      ),
    ).toEqual([5, 2, 7, 0, 1]);
  });

  it('counts a rank as right among the places where all heads before had the right token', async () => {
    const passage = { states: new Float32Array(), tokens: [0, 1, 2, 3, 4], first: 0 };
    const ranked = (...tokens: number[]) => ({ tokens: Int32Array.from(tokens) });
    const judged = await judge([passage], 2, async () => [
      [ranked(2, 9), ranked(8, 3)],
      [ranked(9, 3), ranked(4, 8)],
      [ranked(9, 8), ranked(9, 8)],
      [ranked(9, 8), ranked(9, 8)],
    ]);
    // Places before 2, 3 and 4 for the first head; before 3 and 4 for the second, both with a right one before.
    expect(judged.top).toEqual([
      { first: 1 / 3, any: 2 / 3 },
      { first: 1 / 2, any: 1 },
    ]);
    expect(judged.accuracies).toEqual([
      [1 / 3, 1 / 3],
      [1 / 2, 1 / 2],
    ]);
  });
});
