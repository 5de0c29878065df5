/** The store against a naive one: for each layer, head and slot, the row (a list of numbers) it holds. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvStore, type NewRows } from './kv-store.ts';
import type { Move } from './slot-cache.ts';

const shape = { layers: 2, kvHeads: 3, headDim: 4, valueDim: 2 };

/** `[heads, rows, dim]` of numbers found nowhere else. */
function uniqueRows(from: number, rows: number, dim: number, lanes = 1): Float32Array {
  return Float32Array.from({ length: lanes * shape.kvHeads * rows * dim }, (_, i) => from + i);
}

/** The same rows for both layers. */
const newRows = (
  keys: Float32Array,
  values: Float32Array,
  rest: Omit<NewRows, 'keys' | 'values'>,
): NewRows => ({
  ...rest,
  keys: [keys, keys],
  values: [values, values],
});

/** What a slot holds across heads: `[kvHeads][dim]`. */
function read(tensor: Float32Array, rows: number, dim: number, row: number): number[][] {
  return Array.from({ length: shape.kvHeads }, (_, head) => {
    const start = (head * rows + row) * dim;
    return Array.from(tensor.subarray(start, start + dim));
  });
}

const operation = fc.oneof(
  fc.record({ kind: fc.constant('resize' as const), capacity: fc.constantFrom(0, 32, 64, 128, 192, 512) }),
  fc.record({
    kind: fc.constant('write' as const),
    lanes: fc.integer({ min: 1, max: 3 }),
    pick: fc.nat({ max: 2 }),
    rows: fc.integer({ min: 1, max: 8 }),
    // Runs of rows into slots one or two apart, so that some travel together and some alone.
    pairs: fc.array(
      fc.record({
        source: fc.nat({ max: 7 }),
        slot: fc.nat({ max: 100 }),
        run: fc.integer({ min: 1, max: 4 }),
        step: fc.constantFrom(1, 2),
      }),
      { maxLength: 4 },
    ),
  }),
  fc.record({ kind: fc.constant('compact' as const), live: fc.array(fc.boolean(), { maxLength: 40 }) }),
);

/** The moves that squeeze the flagged slots to the front. */
function squeeze(live: boolean[]): Move[] {
  const moves: Move[] = [];
  let to = 0;
  live.forEach((alive, from) => {
    if (alive) moves.push({ from, to: to++, count: 1 });
  });
  return moves;
}

describe('KvStore', () => {
  it('equals the naive store after any resizes, writes and moves', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
        const store = new KvStore(shape);
        const model = [0, 1].map(() => new Map<number, { key: number[][]; value: number[][] }>());
        let unique = 1;
        for (const each of operations) {
          if (each.kind === 'resize') {
            store.resize(each.capacity);
            for (const layer of model) {
              for (const slot of layer.keys()) if (slot >= each.capacity) layer.delete(slot);
            }
          } else if (each.kind === 'write') {
            const { rows, lanes } = each;
            const lane = each.pick % lanes;
            const keys = uniqueRows(unique, rows, shape.headDim, lanes);
            const values = uniqueRows(-unique, rows, shape.valueDim, lanes);
            unique += keys.length;
            const pairs = each.pairs
              .flatMap(({ source, slot, run, step }) =>
                Array.from({ length: run }, (_, i) => ({ source: source + i, slot: slot + i * step })),
              )
              .filter(({ source, slot }) => source < rows && slot < store.capacity);
            store.write(
              newRows(keys, values, { rows, lanes, lane }),
              pairs.map(({ source }) => source),
              pairs.map(({ slot }) => slot),
            );
            for (const { source, slot } of pairs) {
              const own = (all: Float32Array) => all.subarray((all.length / lanes) * lane);
              const key = read(own(keys), rows, shape.headDim, source);
              const value = read(own(values), rows, shape.valueDim, source);
              for (const layer of model) layer.set(slot, { key, value });
            }
          } else {
            const moves = squeeze(each.live.slice(0, store.capacity));
            store.move(moves);
            for (const layer of model) {
              for (const { from, to } of moves) {
                const moved = layer.get(from);
                if (moved) layer.set(to, moved);
                else layer.delete(to);
              }
            }
          }
          model.forEach((slots, layer) => {
            expect(store.key(layer).length).toBe(shape.kvHeads * store.capacity * shape.headDim);
            expect(store.value(layer).length).toBe(shape.kvHeads * store.capacity * shape.valueDim);
            for (const [slot, { key, value }] of slots) {
              expect(read(store.key(layer), store.capacity, shape.headDim, slot)).toEqual(key);
              expect(read(store.value(layer), store.capacity, shape.valueDim, slot)).toEqual(value);
            }
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  it('keeps its arrays until the capacity changes', () => {
    const store = new KvStore(shape);
    store.resize(64);
    const before = store.key(0);
    const written = () => before.some((value) => value !== 0);
    expect(written()).toBe(false);
    store.resize(64);
    store.write(newRows(uniqueRows(1, 1, 4), uniqueRows(1, 1, 2), { rows: 1 }), [0], [5]);
    expect(written()).toBe(true);
    expect(store.key(0)).toEqual(before);
    store.resize(128);
    expect(store.key(0)).not.toEqual(before);
  });

  it('allocates about what it lays out and gives memory back', () => {
    const store = new KvStore({ layers: 1, kvHeads: 16, headDim: 256 });
    const slotBytes = 16 * 2 * 256 * 4;
    for (const capacity of [64, 128, 192, 1024, 512, 128]) {
      store.resize(capacity);
      expect(store.bytes).toBeGreaterThanOrEqual(capacity * slotBytes);
      expect(store.bytes).toBeLessThanOrEqual(2 * capacity * slotBytes);
    }
    store.resize(0);
    expect(store.bytes).toBe(0);
  });

  it('keeps a little memory, which requests that come and go would only ask for again', () => {
    const store = new KvStore(shape);
    store.resize(64);
    const { bytes } = store;
    store.resize(0);
    store.resize(64);
    expect(store.bytes).toBe(bytes);
  });

  it('grows within reserved room without allocating, and keeps its layout until then', () => {
    const store = new KvStore(shape);
    store.reserve(256);
    const { bytes } = store;
    expect([store.capacity, store.key(0).length]).toEqual([0, 0]);
    for (const capacity of [64, 128, 256]) {
      store.resize(capacity);
      expect(store.bytes).toBe(bytes);
    }
  });

  it('stays as it was when memory runs out', () => {
    const store = new KvStore({ layers: 1, kvHeads: 1, headDim: 1, valueDim: 2 ** 22 });
    store.resize(1);
    store.key(0)[0] = 3;
    // The keys fit in 16 MiB; 2^44 floats of values are more than any engine's typed array holds.
    expect(() => store.resize(2 ** 22)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
    expect([store.capacity, ...store.key(0)]).toEqual([1, 3]);
  });

  it('names arrays, rows and slots that do not fit', () => {
    const store = new KvStore(shape);
    store.resize(32);
    const badShape = expect.objectContaining({ code: 'bad-shape' });
    const keys = uniqueRows(0, 2, 4);
    const values = uniqueRows(0, 2, 2);
    const write = (rows: NewRows, sources = [0], slots = [0]) => store.write(rows, sources, slots);
    const fitting = newRows(keys, values, { rows: 2 });
    expect(() => write(newRows(values, values, { rows: 2 }))).toThrow(badShape);
    expect(() => write(newRows(keys, keys, { rows: 2 }))).toThrow(badShape);
    expect(() => write({ ...fitting, keys: [keys] })).toThrow(badShape);
    expect(() => write({ ...fitting, lanes: 2 })).toThrow(badShape);
    expect(() => write({ ...fitting, lane: 1 })).toThrow(badShape);
    expect(() => write(fitting, [2])).toThrow(badShape);
    expect(() => write(fitting, [0], [32])).toThrow(badShape);
    expect(() => write(fitting, [0, 1])).toThrow(badShape);
    expect(() => new KvStore({ ...shape, layers: 0 })).toThrow(badShape);
  });
});
