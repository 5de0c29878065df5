import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corruptToken } from './corruption.ts';
import { chiSquareTest } from './sampling/chi-square.ts';

const key = fc.record({ seed: fc.nat(), step: fc.nat(1000), position: fc.nat(1000) });

describe('corruptToken', () => {
  it('is the mask, wherever and whenever', () => {
    fc.assert(
      fc.property(key, fc.nat(1000), (at, maskId) => {
        expect(corruptToken({ kind: 'mask', maskId }, at)).toBe(maskId);
      }),
    );
  });

  it('is any token of the vocabulary equally often, in space and in time, and the same for the same key', () => {
    const noise = { kind: 'uniform', vocabSize: 7 } as const;
    for (const along of ['step', 'position', 'seed'] as const) {
      const counts = new Array<number>(noise.vocabSize).fill(0);
      for (let i = 0; i < 3500; i++) {
        const at = { seed: 3, step: 5, position: 8, [along]: i };
        const token = corruptToken(noise, at);
        expect(corruptToken(noise, at)).toBe(token);
        counts[token]++;
      }
      expect(
        chiSquareTest(
          counts,
          counts.map(() => 1 / noise.vocabSize),
        ).p,
      ).toBeGreaterThan(1e-4);
    }
  });
});
