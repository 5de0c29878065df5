/** Programs that take no empty tensors get a slot that no row sees. */

import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/golden/models/golden.ts';
import { masked, RowScratch } from '../cache/index.ts';
import { layOut } from './forward.ts';
import { loadTiny } from './testing/tiny.ts';

describe('layOut', () => {
  it.each([0, 1])('of nothing cached has %i slots, masked', async (slots) => {
    await using model = await loadTiny(fixture('llama'), { precision: 'w8a8' });
    const batch = model.newBatch();
    const lanes = [[3, 4], [5]].map((tokens) => {
      const cache = batch.open();
      return { cache, groups: [{ sequence: cache.slots.createSequence(), tokens, scored: [0] }] };
    });
    const { inputs } = layOut(lanes, model.config, {}, new RowScratch(), slots);
    const { kvHeads, headDim } = model.config;
    expect(inputs['pastKey.0'].shape).toEqual([2, kvHeads, slots, headDim]);
    expect(inputs['pastKey.0'].data).toHaveLength(2 * kvHeads * slots * headDim);
    const cached = Array(slots).fill(masked);
    const rows = [
      [0, masked],
      [0, 0],
      [0, masked],
      [masked, 0],
    ];
    expect(Array.from(inputs.bias.data, Number)).toEqual(rows.flatMap((row) => [...cached, ...row]));
  });
});
