/**
 * The slot cache against a naive model: a list of (token, position) per sequence, copied whole on fork. Tokens are
 * written through the slots that `append` gives and follow `compact`'s moves; reading them back must give the lists.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf } from './buckets.ts';
import type { Sequence } from './sequence.ts';
import { SlotCache } from './slot-cache.ts';

interface Pair {
  real: Sequence;
  model: { token: number; position: number }[];
  next: number;
}

/** One operation; `pick` chooses among the live sequences, `amount` and `bits` are read as the operation needs. */
const operation = fc.record({
  kind: fc.constantFrom('create', 'append', 'append', 'skip', 'fork', 'crop', 'evict', 'free', 'compact'),
  pick: fc.nat(),
  amount: fc.integer({ min: 0, max: 90 }),
  bits: fc.array(fc.boolean(), { maxLength: 90 }),
});

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

class Interpreter {
  cache = new SlotCache();
  live: Pair[] = [];
  /** What the K/V tensors would hold: one token per slot. */
  memory: number[] = [];
  tokens = 0;

  run({ kind, pick, amount, bits }: Operation): void {
    if (kind === 'create') {
      this.live.push({ real: this.cache.createSequence(), model: [], next: 0 });
      return;
    }
    if (kind === 'compact') {
      for (const { from, to, count } of this.cache.compact()) {
        for (let i = 0; i < count; i++) this.memory[to + i] = this.memory[from + i];
      }
      expect(this.cache.highWater).toBe(this.cache.used);
      return;
    }
    if (this.live.length === 0) return;
    const index = pick % this.live.length;
    const pair = this.live[index];
    const { real, model } = pair;
    if (kind === 'append') {
      for (const slot of this.cache.append(real, amount)) {
        this.memory[slot] = this.tokens;
        model.push({ token: this.tokens++, position: pair.next++ });
      }
    } else if (kind === 'skip') {
      this.cache.skip(real, amount);
      pair.next += amount;
    } else if (kind === 'fork') {
      this.live.push({ ...pair, real: this.cache.fork(real), model: [...model] });
    } else if (kind === 'crop') {
      const length = amount % (model.length + 1);
      this.cache.crop(real, length);
      pair.next = model[length]?.position ?? pair.next;
      model.length = length;
    } else if (kind === 'evict') {
      const indices = model.map((_, entry) => entry).filter((entry) => bits[entry]);
      this.cache.evict(real, indices.reverse());
      pair.model = model.filter((_, entry) => !bits[entry]);
    } else {
      this.cache.free(real);
      this.live.splice(index, 1);
    }
  }

  check(): void {
    const references = new Map<number, number>();
    for (const { real, model, next } of this.live) {
      expect(real.length).toBe(model.length);
      expect(real.nextPosition).toBe(next);
      expect(Array.from(real.slots, (slot) => this.memory[slot])).toEqual(model.map(({ token }) => token));
      expect(Array.from(real.positions)).toEqual(model.map(({ position }) => position));
      for (const slot of real.slots) references.set(slot, (references.get(slot) ?? 0) + 1);
    }
    const { cache } = this;
    const highest = Math.max(-1, ...references.keys());
    expect(cache.used).toBe(references.size);
    expect(cache.highWater).toBe(highest + 1);
    expect(cache.capacity).toBe(bucketOf(highest + 1));
    for (let slot = 0; slot < highest + 10; slot++) {
      expect(cache.references(slot)).toBe(references.get(slot) ?? 0);
    }
  }
}

describe('SlotCache', () => {
  it('equals the naive model after every operation', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const interpreter = new Interpreter();
        for (const each of operations) {
          interpreter.run(each);
          interpreter.check();
        }
        for (const { real } of interpreter.live) interpreter.cache.free(real);
        expect([interpreter.cache.used, interpreter.cache.capacity]).toEqual([0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it('takes the lowest free slots first', () => {
    const cache = new SlotCache();
    const first = cache.createSequence();
    const second = cache.createSequence();
    cache.append(first, 3);
    cache.append(second, 3);
    cache.evict(first, [1]);
    cache.crop(second, 1);
    expect(Array.from(cache.append(first, 3))).toEqual([1, 4, 5]);
  });

  it('never gives a forked sequence the slot of another', () => {
    const cache = new SlotCache();
    const prefix = cache.createSequence();
    cache.append(prefix, 5);
    const fork = cache.fork(prefix);
    cache.crop(fork, 3);
    const mine = cache.append(fork, 4);
    expect(Array.from(prefix.slots).filter((slot) => mine.includes(slot))).toEqual([]);
    expect(Array.from(fork.positions)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('keeps counting positions after an eviction, and takes them back after a crop', () => {
    const cache = new SlotCache();
    const sequence = cache.createSequence();
    cache.append(sequence, 6);
    cache.evict(sequence, [2, 5]);
    expect(sequence.nextPosition).toBe(6);
    cache.crop(sequence, 2);
    expect(sequence.nextPosition).toBe(3);
  });

  it('gives compaction as few moves as there are gaps', () => {
    const cache = new SlotCache();
    const sequence = cache.createSequence();
    cache.append(sequence, 10);
    cache.evict(sequence, [0, 1, 5]);
    expect(cache.compact()).toEqual([
      { from: 2, to: 0, count: 3 },
      { from: 6, to: 3, count: 4 },
    ]);
    expect(cache.compact()).toEqual([]);
  });

  it('refuses what does not fit and changes nothing', () => {
    const cache = new SlotCache({ maxSlots: 8 });
    const sequence = cache.createSequence();
    cache.append(sequence, 6);
    expect(() => cache.append(sequence, 3)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
    expect([sequence.length, cache.used]).toEqual([6, 6]);
    cache.append(sequence, 2);
    expect(cache.highWater).toBe(8);
  });

  it('reports use after free, double free and a sequence of another cache', () => {
    const cache = new SlotCache();
    const sequence = cache.createSequence();
    const kept = cache.fork(sequence);
    cache.append(sequence, 2);
    cache.free(sequence);
    const disposed = expect.objectContaining({ code: 'disposed' });
    expect(() => cache.free(sequence)).toThrow(disposed);
    expect(() => cache.append(sequence, 1)).toThrow(disposed);
    expect(() => cache.fork(sequence)).toThrow(disposed);
    expect(() => cache.crop(sequence, 0)).toThrow(disposed);
    expect(() => cache.evict(sequence, [])).toThrow(disposed);
    expect(() => sequence.slots).toThrow(disposed);
    expect(() => new SlotCache().append(kept, 1)).toThrow(disposed);
  });

  it('names bad arguments', () => {
    const cache = new SlotCache();
    const sequence = cache.createSequence();
    cache.append(sequence, 2);
    const badInput = expect.objectContaining({ code: 'bad-input' });
    for (const count of [-1, 0.5, Number.NaN]) expect(() => cache.append(sequence, count)).toThrow(badInput);
    for (const length of [-1, 3, Number.NaN]) expect(() => cache.crop(sequence, length)).toThrow(badInput);
    expect(() => cache.evict(sequence, [0, 2])).toThrow(badInput);
    expect(sequence.length).toBe(2);
    for (const maxSlots of [0, 1.5, Number.NaN]) {
      expect(() => new SlotCache({ maxSlots })).toThrow(expect.objectContaining({ code: 'bad-option' }));
    }
  });
});
