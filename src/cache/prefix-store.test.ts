/** Kept beginnings: never more than fits, never other K/V than those of the tokens, the least recently used go first. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvCache } from './kv-cache.ts';
import { PrefixStore } from './prefix-store.ts';

const shape = { layers: 2, kvHeads: 2, headDim: 3, valueDim: 2 };
const bytesOfToken = 2 * 2 * (3 + 2) * 4;

/** Stands for the K/V of a token: tells it and all before it apart. */
const stateOf = (tokens: readonly number[], at: number): number =>
  tokens.slice(0, at + 1).reduce((state, token) => (state * 31 + token + 1) % 65_521, 7);

const fill = (tokens: readonly number[], dim: number, layer: number): Float32Array =>
  Float32Array.from({ length: 2 * tokens.length * dim }, (_, i) => {
    const row = Math.floor(i / dim) % tokens.length;
    return stateOf(tokens, row) + layer / 4 + (i % dim) / 64;
  });

/** A sequence of a cache of its own that holds some tokens, in slots that do not follow each other. */
function cached(tokens: readonly number[]) {
  const cache = new KvCache(shape);
  const holes = cache.slots.createSequence();
  const sequence = cache.slots.createSequence();
  const rows = {
    rows: tokens.length,
    keys: [0, 1].map((layer) => fill(tokens, 3, layer)),
    values: [0, 1].map((layer) => fill(tokens, 2, layer)),
  };
  for (const row of tokens.keys()) {
    if (row % 3 === 1) cache.commit(holes, rows, [row]);
    cache.commit(sequence, rows, [row]);
  }
  return { cache, sequence };
}

/** What stands for the K/V in the slots of a prefix, layer by layer. */
function statesIn({ cache, sequence, length }: NonNullable<ReturnType<PrefixStore['find']>>) {
  return Array.from(sequence.slots.slice(0, length), (slot) =>
    [0, 1].map((layer) => [
      ...cache.store.key(layer).subarray(slot * 3, slot * 3 + 3),
      ...cache.store.value(layer).subarray(slot * 2, slot * 2 + 2),
    ]),
  );
}

const statesOf = (tokens: readonly number[]) =>
  tokens.map((_, at) =>
    [0, 1].map((layer) => [0, 1, 2, 0, 1].map((column) => stateOf(tokens, at) + layer / 4 + column / 64)),
  );

describe('PrefixStore', () => {
  it('holds what was kept last, whatever came before, and what it finds are the K/V of the tokens', () => {
    const texts = fc.array(fc.array(fc.nat(2), { minLength: 1, maxLength: 40 }), { maxLength: 30 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 60 }), (all, most) => {
        const store = new PrefixStore(shape, most * bytesOfToken);
        expect(store.maxTokens).toBe(most);
        for (const tokens of all) {
          store.keep(tokens, cached(tokens));
          expect(store.tokens).toBeLessThanOrEqual(most);
          expect(store.find(tokens)?.length).toBe(Math.min(most, tokens.length));
        }
        for (const tokens of all) {
          const found = store.find(tokens);
          if (found) expect(statesIn(found)).toEqual(statesOf(tokens.slice(0, found.length)));
        }
      }),
    );
  });

  it('keeps once what several begin with', () => {
    const store = new PrefixStore(shape, 100 * bytesOfToken);
    for (const last of [1, 2, 3]) {
      const tokens = [...Array<number>(20).fill(0), last];
      store.keep(tokens, cached(tokens));
    }
    expect(store.tokens).toBe(20 + 3);
    // What goes on is no text of its own.
    const longer = [...Array<number>(20).fill(0), 1, 5, 6];
    store.keep(longer, cached(longer));
    expect(store.tokens).toBe(20 + 3 + 2);
  });

  it('lets go of what was not used for longest', () => {
    const store = new PrefixStore(shape, 20 * bytesOfToken);
    const of = (token: number) => Array<number>(8).fill(token);
    store.keep(of(1), cached(of(1)));
    store.keep(of(2), cached(of(2)));
    expect(store.find(of(1))?.length).toBe(8);
    store.keep(of(3), cached(of(3)));
    expect([1, 2, 3].map((token) => store.find(of(token))?.length)).toEqual([8, undefined, 8]);
  });

  it('keeps nothing without room', () => {
    const store = new PrefixStore(shape, bytesOfToken - 1);
    store.keep([1, 2], cached([1, 2]));
    expect([store.find([1, 2]), store.tokens]).toEqual([undefined, 0]);
  });
});
