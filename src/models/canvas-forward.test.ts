/**
 * Forwards of canvases: groups that see what follows, in lanes of their own, without K/V, or between cached rows; and
 * never a mask predicted.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../../test/golden/models/golden.ts';
import type { ScoreGroup } from './forward.ts';
import type { LanguageModel } from './language-model.ts';
import { loadTiny, maxDifference, range } from './testing/tiny.ts';

const maskId = 3;
const texts = [range(9).map((i) => 20 + i), range(30).map((i) => 100 - i), [5, maskId, maskId, 6]];

describe.each(['fp32', 'w8a8'] as const)('a canvas in %s', (precision) => {
  let model: LanguageModel;
  beforeAll(async () => {
    const config = { is_causal: false, mask_token_id: maskId };
    model = await loadTiny(fixture('llama'), { precision, threads: 1, config });
  });
  afterAll(() => model[Symbol.asyncDispose]());

  const canvasesIn = (cache: ReturnType<LanguageModel['newCache']>): ScoreGroup[] => {
    const sequence = cache.slots.createSequence();
    return texts.map((tokens) => ({
      sequence,
      tokens,
      attention: 'bidirectional' as const,
      scored: range(tokens.length),
    }));
  };

  it('gives the same in lanes of their own as in one lane and alone', async () => {
    const cache = model.newCache();
    const groups = canvasesIn(cache);
    const rows = ({ scored }: ScoreGroup, scores: { logits(index: number): Float32Array }) =>
      range(scored.length).map((row) => scores.logits(row).slice());
    const apart = await model.forward(cache, groups, { logits: true, newRows: false });
    expect(apart.rows).toBe(43);
    const apartRows = groups.map((group, i) => rows(group, apart.scores[i]));
    const together = await model.forward(cache, groups, { logits: true });
    const togetherRows = groups.map((group, i) => rows(group, together.scores[i]));
    for (const [i, group] of groups.entries()) {
      const alone = await model.forward(cache, [group], { logits: true });
      for (const [row, logits] of rows(group, alone.scores[0]).entries()) {
        for (const other of [apartRows[i][row], togetherRows[i][row]]) {
          if (precision === 'w8a8') expect(other).toEqual(logits);
          else expect(maxDifference(other, logits)).toBeLessThan(1e-4);
        }
      }
    }
  });

  it('mixes with lanes that hold a cached text', async () => {
    const batch = model.newBatch();
    const [one, two] = [batch.open(), batch.open()];
    const sequence = one.slots.createSequence();
    const prefix = await model.forward(one, [{ sequence, tokens: texts[0], scored: [] }]);
    one.commit(sequence, prefix.newRows, range(texts[0].length));
    const next = { sequence, tokens: [7], scored: [0] };
    const [canvas] = canvasesIn(two).slice(1);
    const [cached, bare] = await model.forwardLanes(
      [
        { cache: one, groups: [next] },
        { cache: two, groups: [canvas] },
      ],
      { newRows: false },
    );
    const [alone] = (await model.forward(two, [canvas])).scores;
    const [left] = (await model.forward(one, [next])).scores;
    expect(cached.scores[0].topToken(0)).toBe(left.topToken(0));
    for (const row of range(texts[1].length)) expect(bare.scores[0].topToken(row)).toBe(alone.topToken(row));
  });

  it('gives rows between cached ones what a forward of all rows gives them', async () => {
    const tokens = texts[1];
    for (const [from, to] of [
      [7, 15],
      [0, 9],
      [22, tokens.length],
    ]) {
      const cache = model.newCache();
      const empty = cache.slots.createSequence();
      const all = range(tokens.length);
      const attention = 'bidirectional' as const;
      const whole = await model.forward(cache, [{ sequence: empty, tokens, attention, scored: all }], {
        logits: true,
      });
      const expected = all.map((row) => whole.scores[0].logits(row).slice());
      const sequence = cache.slots.createSequence();
      cache.commit(sequence, whole.newRows, all.slice(0, from));
      cache.slots.skip(sequence, to - from);
      cache.commit(sequence, whole.newRows, all.slice(to));
      const group = { sequence, from, tokens: tokens.slice(from, to), attention, scored: range(to - from) };
      const { rows, scores } = await model.forward(cache, [group], { logits: true });
      expect(rows).toBe(to - from);
      for (const row of range(to - from)) {
        const logits = scores[0].logits(row);
        if (precision === 'w8a8') expect(logits).toEqual(expected[from + row]);
        else expect(maxDifference(logits, expected[from + row])).toBeLessThan(1e-4);
      }
    }
  });

  it('lets a row see what follows only where its group says so', async () => {
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    const first = async (last: number, attention: 'causal' | 'bidirectional') => {
      const group = { sequence, tokens: [5, 6, last], scored: [0], attention };
      return (await model.forward(cache, [group])).scores[0].topLogProb(0);
    };
    expect(await first(9, 'causal')).toBe(await first(11, 'causal'));
    expect(await first(9, 'bidirectional')).not.toBe(await first(11, 'bidirectional'));
  });

  it('never predicts the mask, in logits and in what is reduced', async () => {
    const cache = model.newCache();
    const groups = canvasesIn(cache);
    const { scores } = await model.forward(cache, groups, { logits: true, newRows: false });
    for (const [i, { scored }] of groups.entries()) {
      for (const row of range(scored.length)) {
        const logits = scores[i].logits(row);
        expect(logits[maskId]).toBeLessThan(-1e8);
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
        const top = scores[i].topToken(row);
        expect(scores[i].topLogProb(row)).toBeCloseTo(logits[top] - Math.log(total), 4);
      }
    }
  });

  it('copies no K/V out unless they are wanted', async () => {
    const cache = model.newCache();
    const forward = await model.forward(cache, canvasesIn(cache), { newRows: false });
    expect(Object.keys(forward.outputs).filter((name) => /^(key|value)/.test(name))).toEqual([]);
    expect(() => forward.newRows).toThrow('without its K/V rows');
  });

  it('has the capabilities of its configuration', () => {
    expect([...model.capabilities].sort()).toEqual([
      'bidirectional',
      'canvas',
      'embeddings-in',
      'hidden-states',
      'mask-token',
    ]);
  });
});
