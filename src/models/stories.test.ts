/** A trained checkpoint that is checked in: its published greedy text, token by token, and its first distribution. */

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { golden } from '../../test/golden/models/golden.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import type { LanguageModel } from './language-model.ts';
import { loadCheckpoint } from './load-checkpoint.ts';
import { greedyIds, logitsOf } from './testing/tiny.ts';

interface Stories {
  /** BOS and 200 greedy ids, from an independent float32 implementation. */
  ids: number[];
  /** [id, logit] pairs, largest first. */
  logitsAfterBosTop5: [number, number][];
}

describe('stories260k', () => {
  const { ids, logitsAfterBosTop5 } = golden<Stories>('stories260k');
  let model: LanguageModel;

  beforeAll(async () => {
    const checkpoint = await openCheckpoint(
      fileURLToPath(new URL('../../models/stories260k', import.meta.url)),
    );
    model = await loadCheckpoint(checkpoint, { precision: 'fp32', final: true });
    await checkpoint.close();
  });
  afterAll(() => model[Symbol.asyncDispose]());

  it('declares what it was loaded with', () => {
    expect([...model.capabilities].sort()).toEqual([
      'bidirectional',
      'causal',
      'embeddings-in',
      'hidden-states',
    ]);
    expect(model.tokenizer.bosId).toBe(1);
  });

  it('repeats 200 greedy ids', async () => {
    expect(ids).toHaveLength(201);
    expect(await greedyIds(model, ids.slice(0, 1), 200)).toEqual(ids.slice(1));
  });

  it('has the published logits after BOS', async () => {
    const [logits] = await logitsOf(model, [1]);
    const best = Array.from(logits, (logit, id) => [id, logit] as const).sort((a, b) => b[1] - a[1]);
    logitsAfterBosTop5.forEach(([id, logit], rank) => {
      expect(best[rank][0]).toBe(id);
      expect(Math.abs(best[rank][1] - logit)).toBeLessThan(1e-3);
    });
  });

  it('says the log-probability of the best token', async () => {
    const cache = model.newCache();
    const group = { sequence: cache.slots.createSequence(), tokens: ids.slice(0, 50), scored: [0, 49] };
    const { scores } = await model.forward(cache, [group], { logits: true });
    for (const row of [0, 1]) {
      const logits = Array.from(scores[0].logits(row));
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      expect(scores[0].topToken(row)).toBe(logits.indexOf(Math.max(...logits)));
      expect(scores[0].topLogProb(row)).toBeCloseTo(Math.max(...logits) - Math.log(total), 5);
    }
  });

  it('refuses tokens outside the vocabulary and rows beyond the context', async () => {
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    const badInput = expect.objectContaining({ code: 'bad-input' });
    for (const token of [-1, 512]) {
      await expect(model.forward(cache, [{ sequence, tokens: [1, token], scored: [1] }])).rejects.toEqual(
        badInput,
      );
    }
    const tokens = new Array<number>(513).fill(5);
    await expect(model.forward(cache, [{ sequence, tokens, scored: [] }])).rejects.toEqual(badInput);
  });
});
