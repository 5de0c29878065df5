import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argmax, candidates, headSize, sortDescending, topM } from './select.ts';

/** Ties are likely, and so are both zeros, infinities and subnormals. */
const value = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, Number.NEGATIVE_INFINITY, 1e-45, -1e-45),
  fc.float({ noNaN: true }),
);
const row = fc.array(value, { minLength: 1, maxLength: 700 }).map((values) => Float32Array.from(values));

const idsOf = (logits: Float32Array) => Int32Array.from(logits.keys());
/** Descending by value, ascending by id; Infinity - Infinity is NaN, hence no subtraction. */
const naiveOrder = (logits: Float32Array) =>
  Array.from(idsOf(logits)).sort((a, b) => {
    if (logits[a] === logits[b]) return a - b;
    return logits[a] < logits[b] ? 1 : -1;
  });

describe('selection', () => {
  it('sorts by value descending, lower id on ties', () => {
    fc.assert(
      fc.property(row, (logits) => {
        expect([...sortDescending(logits, idsOf(logits))]).toEqual(naiveOrder(logits));
      }),
    );
  });

  it('sorts a subset and leaves its input alone', () => {
    const logits = Float32Array.of(1, 5, 3, 5, 2);
    const ids = Int32Array.of(0, 1, 3, 4);
    expect([...sortDescending(logits, ids)]).toEqual([1, 3, 4, 0]);
    expect([...ids]).toEqual([0, 1, 3, 4]);
  });

  it('takes the m best', () => {
    fc.assert(
      fc.property(row, fc.nat({ max: 750 }), (logits, m) => {
        expect([...topM(logits, m)]).toEqual(naiveOrder(logits).slice(0, m));
      }),
    );
  });

  it('takes the m best of a vocabulary, by heap and by sort', () => {
    const logits = Float32Array.from({ length: 20_000 }, (_, id) => Math.round(Math.sin(id * id) * 500));
    const expected = naiveOrder(logits);
    for (const m of [1, 40, headSize, 500, 5000]) {
      expect([...topM(logits, m)]).toEqual(expected.slice(0, m));
    }
  });

  it('argmax is the first of the m best', () => {
    fc.assert(
      fc.property(row, (logits) => {
        expect(argmax(logits)).toBe(topM(logits, 1)[0]);
      }),
    );
  });

  it('argmax reads one row of many and skips NaN', () => {
    const rows = Float32Array.of(9, 9, 9, Number.NaN, 2, 5, 5, 9, 9);
    expect(argmax(rows, 3, 4)).toBe(2);
    expect(argmax(rows)).toBe(0);
  });

  it('candidates are the ids above -Infinity', () => {
    expect([...candidates(Float32Array.of(-Infinity, 1, -Infinity, 0))]).toEqual([1, 3]);
    expect([...candidates(Float32Array.of(-Infinity))]).toEqual([]);
  });
});
