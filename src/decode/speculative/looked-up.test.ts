/** Guesses from the text: where they stand, which tree they make, and that what they say of themselves comes true. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftPaths } from '../testing/draft-paths.ts';
import { LookedUp, type LookupOptions, occurrences } from './looked-up.ts';

/** Places behind every earlier occurrence of the last n tokens, latest first. */
function placesBehind(tokens: readonly number[], n: number): number[] {
  const suffix = tokens.slice(-n).join();
  const places: number[] = [];
  for (let end = tokens.length - 1; end >= n; end--)
    if (tokens.slice(end - n, end).join() === suffix) places.push(end);
  return places;
}

const options = fc
  .record({
    a: fc.integer({ min: 1, max: 4 }),
    b: fc.integer({ min: 1, max: 4 }),
    branches: fc.integer({ min: 1, max: 4 }),
    draftTokens: fc.integer({ min: 1, max: 9 }),
  })
  .map(
    ({ a, b, ...rest }): LookupOptions => ({ ngramMax: Math.max(a, b), ngramMin: Math.min(a, b), ...rest }),
  );
const texts = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 40 });

it('occurrences are those of the longest run of last tokens that has any', () => {
  fc.assert(
    fc.property(texts, options, (text, { ngramMax, ngramMin }) => {
      let n = ngramMax;
      while (n > ngramMin && placesBehind(text, n).length === 0) n--;
      const places = placesBehind(text, n);
      expect(occurrences(text, { ngramMax, ngramMin })).toEqual({ length: n, places });
    }),
    { numRuns: 1000 },
  );
});

describe('guesses from the text', () => {
  it('are the continuations of so many occurrences, the latest first, without equal siblings', () => {
    fc.assert(
      fc.property(texts, options, fc.integer({ min: 0, max: 9 }), (text, options, room) => {
        const levels = Math.min(options.draftTokens, room);
        const expected = new Set<string>();
        let branches = 0;
        for (const place of occurrences(text, options).places) {
          if (branches === options.branches) break;
          const before = expected.size;
          const chain = text.slice(place, place + levels);
          for (const i of chain.keys()) expected.add(chain.slice(0, i + 1).join());
          if (expected.size > before) branches++;
        }
        expect(draftPaths(new LookedUp(options).guess(text, room))).toEqual([...expected]);
      }),
      { numRuns: 1000 },
    );
  });

  it('have probabilities, which siblings share', () => {
    fc.assert(
      fc.property(texts, options, (text, options) => {
        const { parents, probabilities } = new LookedUp(options).guess(text, 9);
        for (const probability of probabilities) expect(probability).toBeGreaterThan(0);
        for (const parent of new Set(parents)) {
          const shares = probabilities.filter((_, node) => parents[node] === parent);
          expect(shares.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(1 + 1e-9);
        }
      }),
    );
  });

  it.each([1, 0.8, 0.5, 0.2])('that are right with %d say so after a while', (chance) => {
    // Behind 0 stands 1 with this chance, or a token that never stood there before.
    const lookup = new LookedUp();
    const text = [0, 1];
    let [random, fresh, said, right, count] = [1, 100, 0, 0, 0];
    for (let round = 0; round < 1000; round++) {
      text.push(fresh++, 0);
      const { tokens, probabilities } = lookup.guess(text, 9);
      random = (random * 48271) % 2147483647;
      text.push(random / 2147483647 < chance ? 1 : fresh++);
      if (round < 200) continue;
      said += probabilities[0];
      right += Number(tokens[0] === text.at(-1));
      count++;
    }
    expect(said / count).toBeCloseTo(right / count, 1);
    expect(right / count).toBeCloseTo(chance ** 2, 1);
  });
});
