import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvBatch } from './kv-batch.ts';
import { KvCache } from './kv-cache.ts';
import type { NewRows } from './kv-store.ts';
import type { Sequence } from './sequence.ts';

const shape = { layers: 2, kvHeads: 2, headDim: 3 };

/** New rows whose K and V tell their token, layer and head apart. */
function forward(tokens: readonly number[]): NewRows {
  const tensor = (layer: number, sign: number) =>
    Float32Array.from({ length: shape.kvHeads * tokens.length * shape.headDim }, (_, i) => {
      const row = Math.floor(i / shape.headDim) % tokens.length;
      const head = Math.floor(i / (shape.headDim * tokens.length));
      return sign * (tokens[row] * 100 + layer * 20 + head * 10 + (i % shape.headDim) + 1);
    });
  return { rows: tokens.length, keys: [tensor(0, 1), tensor(1, 1)], values: [tensor(0, -1), tensor(1, -1)] };
}

/** What a forward over lanes [first, first + count) would read of one cache's sequence. */
function contents(cache: KvCache, sequence: Sequence, first: number, count: number): number[][] {
  const { store } = cache;
  return Array.from(sequence.slots, (slot) =>
    [0, 1].flatMap((layer) =>
      [store.key(layer, first, count), store.value(layer, first, count)].flatMap((data) =>
        [0, 1].flatMap((head) => {
          const row = ((cache.lane - first) * shape.kvHeads + head) * store.capacity + slot;
          return Array.from(data.subarray(row * shape.headDim, (row + 1) * shape.headDim));
        }),
      ),
    ),
  );
}

describe('KvBatch', () => {
  it('keeps every lane equal to a cache of its own while others open, grow, shrink and close', () => {
    const operation = fc.record({
      kind: fc.constantFrom('open', 'commit', 'commit', 'commit', 'crop', 'close'),
      pick: fc.nat(),
      amount: fc.integer({ min: 1, max: 90 }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const batch = new KvBatch(shape);
        const open = () => {
          const [cache, alone] = [batch.open(), new KvCache(shape)];
          return { cache, alone, a: cache.slots.createSequence(), b: alone.slots.createSequence() };
        };
        const live = [open()];
        let token = 0;
        for (const { kind, pick, amount } of operations) {
          const index = pick % live.length;
          const { cache, alone, a, b } = live[index];
          if (kind === 'open') live.push(open());
          else if (kind === 'commit') {
            const tokens = Array.from({ length: amount }, () => token++);
            const rows = [...tokens.keys()];
            cache.commit(a, forward(tokens), rows);
            alone.commit(b, forward(tokens), rows);
          } else if (kind === 'crop') {
            cache.slots.crop(a, Math.min(a.length, amount));
            alone.slots.crop(b, Math.min(b.length, amount));
            cache.compactIfSparse();
          } else if (live.length > 1) {
            batch.close(cache);
            batch.close(cache);
            live.splice(index, 1);
          }
          expect(live.map((each) => each.cache.lane).sort((x, y) => x - y)).toEqual([...live.keys()]);
          expect(batch.store.lanes).toBe(live.length);
          expect(batch.used).toBe(live.reduce((sum, each) => sum + each.a.length, 0));
          for (const each of live) {
            const expected = contents(each.alone, each.b, 0, 1);
            expect(contents(each.cache, each.a, 0, live.length)).toEqual(expected);
            expect(contents(each.cache, each.a, each.cache.lane, 1)).toEqual(expected);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('gives a reopened lane finite contents', () => {
    const batch = new KvBatch(shape);
    const [first, second] = [batch.open(), batch.open()];
    const sequence = second.slots.createSequence();
    const rows = forward([1]);
    rows.keys[0].fill(Number.NaN);
    second.commit(sequence, rows, [0]);
    batch.close(second);
    const again = batch.open();
    expect(batch.store.key(0, again.lane).every(Number.isFinite)).toBe(true);
    expect(first.lane).toBe(0);
  });

  it('has the capacity of the longest lane that is left', () => {
    const batch = new KvBatch(shape);
    const lanes = [10, 200, 70].map((count) => {
      const cache = batch.open();
      const tokens = Array.from({ length: count }, (_, i) => i);
      cache.commit(cache.slots.createSequence(), forward(tokens), [...tokens.keys()]);
      return cache;
    });
    expect(batch.store.capacity).toBe(224);
    batch.close(lanes[1]);
    expect(batch.store.capacity).toBe(96);
    batch.close(lanes[0]);
    expect(batch.store.capacity).toBe(96);
    batch.close(lanes[2]);
    expect(batch.store.capacity).toBe(0);
  });
});
