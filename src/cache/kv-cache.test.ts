import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvCache } from './kv-cache.ts';
import type { NewRows } from './kv-store.ts';
import type { Sequence } from './sequence.ts';

const shape = { layers: 2, kvHeads: 2, headDim: 3, valueDim: 2 };

/** Stands for a forward: each row's K and V depend on its token, the layer and the head, nothing else. */
function forward(tokens: ArrayLike<number>): NewRows {
  const rows = tokens.length;
  const tensor = (layer: number, dim: number, sign: number) =>
    Float32Array.from({ length: shape.kvHeads * rows * dim }, (_, i) => {
      const row = Math.floor(i / dim) % rows;
      const head = Math.floor(i / (dim * rows));
      return sign * (tokens[row] * 100 + layer * 20 + head * 10 + (i % dim));
    });
  const layers = Array.from({ length: shape.layers }, (_, layer) => layer);
  return {
    rows,
    keys: layers.map((layer) => tensor(layer, shape.headDim, 1)),
    values: layers.map((layer) => tensor(layer, shape.valueDim, -1)),
  };
}

/** Everything the cache holds for a sequence, in entry order: what a forward would read. */
function contents(cache: KvCache, sequence: Sequence): number[][] {
  return Array.from(sequence.slots, (slot) => {
    const row: number[] = [];
    for (let layer = 0; layer < shape.layers; layer++) {
      for (const [tensor, dim] of [
        [cache.store.key(layer), shape.headDim],
        [cache.store.value(layer), shape.valueDim],
      ] as const) {
        for (let head = 0; head < shape.kvHeads; head++) {
          const start = (head * cache.capacity + slot) * dim;
          row.push(...tensor.subarray(start, start + dim));
        }
      }
    }
    return row;
  });
}

const range = (length: number) => Int32Array.from({ length }, (_, i) => i);

/** What a cache that saw nothing but these tokens holds. */
function expectedContents(tokens: number[]): number[][] {
  const reference = new KvCache(shape);
  const sequence = reference.slots.createSequence();
  reference.commit(sequence, forward(tokens), range(tokens.length));
  return contents(reference, sequence);
}

describe('KvCache', () => {
  it('holds after a tree path what a chain of the same tokens leaves', () => {
    const treeOf = fc.array(fc.nat(), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), treeOf, fc.nat(), (prefix, seeds, leafSeed) => {
        const parents = seeds.map((seed, row) => (seed % (row + 1)) - 1);
        const tokens = parents.map((_, row) => 1000 + row);
        const path: number[] = [];
        for (let row = leafSeed % parents.length; row >= 0; row = parents[row]) path.unshift(row);

        const drafted = new KvCache(shape);
        const chained = new KvCache(shape);
        const [a, b] = [drafted, chained].map((cache) => {
          const sequence = cache.slots.createSequence();
          cache.commit(sequence, forward(range(prefix)), range(prefix));
          return sequence;
        });
        drafted.commit(a, forward(tokens), path);
        for (const row of path) chained.commit(b, forward([tokens[row]]), [0]);

        expect(contents(drafted, a)).toEqual(contents(chained, b));
        expect(Array.from(a.positions)).toEqual(Array.from(b.positions));
        expect(drafted.capacity).toBe(chained.capacity);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps every sequence readable while others come, go and are compacted away', () => {
    const step = fc.record({
      kind: fc.constantFrom('commit', 'commit', 'fork', 'crop', 'free', 'compact'),
      pick: fc.nat(),
      amount: fc.integer({ min: 1, max: 80 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const cache = new KvCache(shape);
        const live = [{ sequence: cache.slots.createSequence(), tokens: [] as number[] }];
        let token = 0;
        for (const { kind, pick, amount } of steps) {
          const index = pick % live.length;
          const { sequence, tokens } = live[index];
          if (kind === 'commit') {
            const fresh = Array.from({ length: amount }, () => token++);
            cache.commit(sequence, forward(fresh), range(amount));
            tokens.push(...fresh);
          } else if (kind === 'fork') {
            live.push({ sequence: cache.slots.fork(sequence), tokens: [...tokens] });
          } else if (kind === 'crop') {
            tokens.length = amount % (tokens.length + 1);
            cache.slots.crop(sequence, tokens.length);
          } else if (kind === 'free' && live.length > 1) {
            cache.slots.free(sequence);
            live.splice(index, 1);
          } else if (kind === 'compact') {
            const before = cache.capacity;
            expect(cache.compactIfSparse()).toBe(cache.capacity < before);
          }
          expect(cache.capacity).toBeGreaterThanOrEqual(cache.slots.capacity);
          for (const each of live) {
            expect(contents(cache, each.sequence)).toEqual(expectedContents(each.tokens));
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('reserves room for tokens to come without a larger capacity', () => {
    const cache = new KvCache(shape);
    const sequence = cache.slots.createSequence();
    cache.commit(sequence, forward(range(64)), range(64));
    cache.reserve(500);
    const { bytes } = cache.store;
    expect(cache.capacity).toBe(64);
    cache.commit(sequence, forward(range(500)), range(500));
    expect(cache.store.bytes).toBe(bytes);
  });

  it('compacts when a quarter of the capacity can go, not before', () => {
    const cache = new KvCache(shape);
    const sequence = cache.slots.createSequence();
    cache.commit(sequence, forward(range(512)), range(512));
    cache.slots.evict(sequence, range(100));
    expect(cache.compactIfSparse()).toBe(false);
    cache.slots.evict(sequence, range(100));
    expect(cache.compactIfSparse()).toBe(true);
    expect([cache.capacity, cache.slots.highWater]).toEqual([320, 312]);
    expect(contents(cache, sequence)).toEqual(expectedContents(Array.from(range(512).subarray(200))));
  });

  it('leaves the sequence alone when a commit fails', () => {
    const cache = new KvCache(shape, { maxSlots: 4 });
    const sequence = cache.slots.createSequence();
    cache.commit(sequence, forward([1, 2, 3]), range(3));
    const before = contents(cache, sequence);
    const good = forward([4, 5]);
    const code = (name: string) => expect.objectContaining({ code: name });
    expect(() => cache.commit(sequence, good, [0, 1])).toThrow(code('out-of-memory'));
    expect(() => cache.commit(sequence, good, [2])).toThrow(code('bad-shape'));
    expect(() => cache.commit(sequence, { ...good, rows: 3 }, [0])).toThrow(code('bad-shape'));
    expect(() => cache.commit(sequence, { ...good, keys: [] }, [0])).toThrow(code('bad-shape'));
    expect([sequence.length, sequence.nextPosition, cache.slots.used]).toEqual([3, 3, 3]);
    expect(contents(cache, sequence)).toEqual(before);
  });
});
