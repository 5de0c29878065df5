import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { processorTime } from '../../test/support/processor-time.ts';
import { BytePairEncoder } from './bpe.ts';

const letters = ['a', 'b', 'c'];

/** The definition, in O(n^2): merge the leftmost pair of best rank until there is none. */
function mergeNaively(word: string, merges: readonly (readonly [string, string])[]): string[] {
  const symbols = Array.from(word);
  for (;;) {
    let best = merges.length;
    let at = -1;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = merges.findIndex(([left, right]) => left === symbols[i] && right === symbols[i + 1]);
      if (rank >= 0 && rank < best) {
        best = rank;
        at = i;
      }
    }
    if (at < 0) return symbols;
    symbols.splice(at, 2, symbols[at] + symbols[at + 1]);
  }
}

/** Merges whose halves are letters or earlier results, each pair once. */
const mergeLists = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { maxLength: 12 }).map((picks) => {
  const pieces = [...letters];
  const merges: [string, string][] = [];
  for (const [i, j] of picks) {
    const pair: [string, string] = [pieces[i % pieces.length], pieces[j % pieces.length]];
    if (merges.some(([left, right]) => left === pair[0] && right === pair[1])) continue;
    merges.push(pair);
    if (!pieces.includes(pair.join(''))) pieces.push(pair.join(''));
  }
  return { merges, pieces };
});

function vocabOf(pieces: readonly string[]): Map<string, number> {
  return new Map(pieces.map((piece, id) => [piece, id]));
}

function encode(encoder: BytePairEncoder, word: string): number[] {
  const ids: number[] = [];
  encoder.encode(word, ids);
  return ids;
}

describe('BytePairEncoder', () => {
  it('merges as the definition says', () => {
    const words = fc.string({ unit: fc.constantFrom(...letters), maxLength: 40 });
    fc.assert(
      fc.property(mergeLists, words, ({ merges, pieces }, word) => {
        const encoder = new BytePairEncoder({ vocab: vocabOf(pieces), merges });
        const expected = mergeNaively(word, merges).map((piece) => pieces.indexOf(piece));
        expect(encode(encoder, word)).toEqual(expected);
        expect(encode(encoder, word), 'from the cache').toEqual(expected);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('takes the leftmost of pairs that share a rank', () => {
    const vocab = vocabOf(['a', 'b', 'ab', 'ba']);
    const merges = [
      ['b', 'a'],
      ['a', 'b'],
    ] as const;
    expect(encode(new BytePairEncoder({ vocab, merges }), 'aba')).toEqual([0, 3]);
    expect(encode(new BytePairEncoder({ vocab, merges, ranks: Int32Array.of(0, 0) }), 'aba')).toEqual([2, 0]);
  });

  it('writes unknown characters as asked', () => {
    const vocab = vocabOf(['?', 'a', '<0xC3>', '<0xA9>']);
    const ids = (options: object) => encode(new BytePairEncoder({ vocab, merges: [], ...options }), 'aéxya');
    expect(ids({})).toEqual([1, 1]);
    expect(ids({ unkId: 0 })).toEqual([1, 0, 0, 0, 1]);
    expect(ids({ unkId: 0, fuseUnk: true })).toEqual([1, 0, 1]);
    expect(ids({ unkId: 0, fuseUnk: true, byteFallback: true })).toEqual([1, 2, 3, 0, 1]);
  });

  it('refuses a merge whose parts are not pieces', () => {
    expect(() => new BytePairEncoder({ vocab: vocabOf(['a', 'b']), merges: [['a', 'b']] })).toThrow(
      RangeError,
    );
  });

  it('takes time linear in a very long word', () => {
    const pieces = ['a', 'aa', 'aaaa'];
    const merges = [
      ['a', 'a'],
      ['aa', 'aa'],
    ] as const;
    const encoder = new BytePairEncoder({ vocab: vocabOf(pieces), merges });
    const start = processorTime();
    expect(encode(encoder, 'a'.repeat(400_000))).toHaveLength(100_000);
    // A quadratic merge would take minutes.
    expect(processorTime() - start).toBeLessThan(5000);
  });
});
