/** The state of one request: what is pending, what remains, where it ends. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvBatch } from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import type { FinishReason } from './step.ts';
import { type DecodeTokensOptions, newRun } from './testing/decode-tokens.ts';

const open = (options: DecodeTokensOptions) => {
  const cache = new KvBatch({ layers: 1, kvHeads: 1, headDim: 1 }).open();
  return newRun(cache, options);
};

const likely = { logprob: Math.log(0.5) };

describe('a run', () => {
  it('foresees the end that committing brings', () => {
    const settings = fc.record({
      maxTokens: fc.integer({ min: 1, max: 12 }),
      contextLength: fc.integer({ min: 3, max: 14 }),
      eosIds: fc.constantFrom([], [3]),
      stop: fc.constantFrom([], ['ab'], ['c', 'abba']),
    });
    const answers = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 14, maxLength: 14 });
    fc.assert(
      fc.property(settings, answers, (options, answer) => {
        const run = open({ prompt: [0, 1], ...options });
        const written: number[] = [];
        let foreseen: FinishReason | undefined;
        for (const token of answer) {
          written.push(token);
          foreseen = run.finishOf(written);
          run.push({ token, ...likely });
          expect(run.finish).toBe(foreseen);
          expect(run.remaining > 0 || run.finish !== undefined).toBe(true);
          if (run.finish) break;
        }
        expect(run.finish).toBeDefined();
        expect(run.takeNew().committed.map(({ token }) => token)).toEqual(written);
        expect(run.takeNew()).toEqual({ committed: [], text: '' });
      }),
      { numRuns: 500 },
    );
  });

  it('holds back what may become a stop string, and gives it out when the answer ends otherwise', () => {
    const run = open({ prompt: [0], maxTokens: 3, stop: ['bcde'] });
    run.push({ token: 0, ...likely });
    expect(run.takeNew().text).toBe('a');
    run.push({ token: 1, ...likely });
    expect(run.takeNew().text).toBe('');
    run.push({ token: 2, ...likely });
    expect(run.takeNew().text).toBe('bc');
    expect(run.finish).toBe('length');
  });

  it('knows which tokens are not cached yet', () => {
    const run = open({ prompt: [1, 2, 3], maxTokens: 9 });
    expect(run.pending()).toEqual([1, 2, 3]);
    const rows = { rows: 3, keys: [new Float32Array(3)], values: [new Float32Array(3)] };
    run.keep(run.sequence, rows, [0, 1]);
    expect(run.pending()).toEqual([3]);
    run.push({ token: 7, ...likely });
    expect(run.pending()).toEqual([3, 7]);
    run.keep(run.sequence, rows, [0, 2]);
    run.push({ token: 8, ...likely });
    expect(run.pending()).toEqual([8]);
    expect(run.tokens()).toEqual([1, 2, 3, 7, 8]);
    expect(run.statistics.kvWritten).toBe(4);
  });

  it('frees all its sequences, as often as asked', () => {
    const run = open({ prompt: [1], maxTokens: 9 });
    run.keep(run.sequence, { rows: 1, keys: [new Float32Array(1)], values: [new Float32Array(1)] }, [0]);
    const fork = run.fork(run.sequence);
    expect(run.cache.slots.used).toBe(1);
    run.free(fork);
    run.free(fork);
    expect(run.cache.slots.used).toBe(1);
    run.fork(run.sequence);
    run.dispose();
    run.dispose();
    expect(run.cache.slots.used).toBe(0);
  });

  it('commits a canvas in any order, and finishes with the answer or with the canvas', () => {
    const orders = fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 });
    const answers = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(orders, answers, fc.boolean(), (order, answer, whole) => {
        const run = open({ prompt: [0], maxTokens: 6, eosIds: [3] });
        run.openCanvas(6, { whole });
        const end = answer.indexOf(3);
        const length = end === -1 ? 6 : end + 1;
        for (const [step, position] of order.entries()) {
          run.place(position, { token: answer[position], ...likely });
          const placed = order.slice(0, step + 1);
          const done = whole
            ? placed.length === 6
            : answer.slice(0, length).every((_, before) => placed.includes(before));
          expect(run.finish).toBe(done ? (end === -1 ? 'length' : 'eos') : undefined);
          if (done) break;
        }
        expect(run.generated).toEqual(answer.slice(0, length));
        expect(run.statistics.committed).toBe(length);
      }),
    );
  });

  it('takes a position of its canvas once, and gives up what it crops', () => {
    const run = open({ prompt: [0], maxTokens: 6 });
    expect(() => run.place(0, { token: 1, ...likely })).toThrow('not vacant');
    run.openCanvas(6);
    run.place(1, { token: 1, ...likely });
    expect(() => run.place(1, { token: 2, ...likely })).toThrow('not vacant');
    expect(() => run.place(6, { token: 2, ...likely })).toThrow('not vacant');
    expect(() => run.push({ token: 2, ...likely })).toThrow();
    run.cropCanvas(2);
    expect(run.finish).toBeUndefined();
    run.place(0, { token: 2, ...likely });
    expect(run.finish).toBe('length');
    expect(run.takeNew()).toMatchObject({ text: 'cb', committed: [{ position: 1 }, { position: 0 }] });
  });

  it('takes no token after its end', () => {
    const run = open({ prompt: [1], maxTokens: 1 });
    run.push({ token: 0, ...likely });
    expect(() => run.push({ token: 0, ...likely })).toThrow('after the end');
  });

  it('refuses prompts that are empty or longer than the context', () => {
    for (const prompt of [[], [1, 2, 3, 4]]) {
      expect(() => open({ prompt, maxTokens: 1, contextLength: 3 })).toThrow(QuickstepError);
    }
  });
});
