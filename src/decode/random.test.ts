import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fillGumbel,
  fillUniform,
  gumbel,
  normal,
  philox4x32,
  type RandomKey,
  randomStreams,
  uniform,
  uniformOpen,
} from './random.ts';
import { chiSquareTest } from './sampling/chi-square.ts';

const key = (position: number, more: Partial<RandomKey> = {}): RandomKey => ({
  seed: 7,
  stream: 0,
  step: 0,
  position,
  ...more,
});

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const anyKey = fc.record({ seed: fc.maxSafeInteger(), stream: word, step: word, position: word });

describe('philox4x32', () => {
  // Known answers for ten rounds from the Random123 distribution (kat_vectors).
  it.each([
    {
      counter: [0, 0, 0, 0],
      seed: [0, 0],
      expected: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      seed: [0xffffffff, 0xffffffff],
      expected: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      seed: [0xa4093822, 0x299f31d0],
      expected: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ])('gives the published answer for counter $counter', ({ counter, seed, expected }) => {
    const out = new Uint32Array(4);
    philox4x32(Uint32Array.from(counter), Uint32Array.from(seed), out);
    expect([...out]).toEqual(expected);
  });

  it('equals the round function in exact integers', () => {
    const words = (length: number) => fc.array(word, { minLength: length, maxLength: length });
    fc.assert(
      fc.property(words(4), words(2), (counter, seed) => {
        const out = new Uint32Array(4);
        philox4x32(Uint32Array.from(counter), Uint32Array.from(seed), out);
        expect([...out]).toEqual(exactPhilox(counter, seed));
      }),
      { numRuns: 3000 },
    );
  });
});

/** The paper's round function in exact integers. */
function exactPhilox(counter: number[], seed: number[]): number[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt);
  let [k0, k1] = seed.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const product0 = 0xd2511f53n * c0;
    const product1 = 0xcd9e8d57n * c2;
    [c0, c1] = [(product1 >> 32n) ^ c1 ^ k0, product1 & mask];
    [c2, c3] = [(product0 >> 32n) ^ c3 ^ k1, product0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3].map(Number);
}

describe('keys', () => {
  it('give the same number whatever was drawn before', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        const first = uniform(a);
        gumbel(b);
        fillUniform(b, new Float64Array(5));
        expect(uniform(a)).toBe(first);
      }),
    );
  });

  it('differ in every field', () => {
    fc.assert(
      fc.property(
        anyKey,
        fc.constantFrom('seed', 'stream', 'step', 'position'),
        fc.integer({ min: 0, max: 31 }),
        (a, field, bit) => {
          const flipped =
            field === 'seed' ? BigInt(a.seed) ^ (1n << BigInt(bit)) : (a[field] ^ (1 << bit)) >>> 0;
          expect(uniform({ ...a, [field]: flipped })).not.toBe(uniform(a));
        },
      ),
    );
  });

  it('take a seed as number or bigint, modulo 2^64', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        const number = uniform(key(3, { seed }));
        expect(uniform(key(3, { seed: BigInt(seed) }))).toBe(number);
        expect(uniform(key(3, { seed: BigInt(seed) + 2n ** 64n }))).toBe(number);
      }),
    );
    expect(uniform(key(3, { seed: 2 ** 32 }))).not.toBe(uniform(key(3, { seed: 0 })));
  });

  it.each([{ position: -1 }, { step: 0.5 }, { stream: 2 ** 32 }, { seed: Number.NaN }])(
    'out of range are refused: %o',
    (bad) => {
      expect(() => uniform(key(0, bad))).toThrow(/random (key|seed)/);
    },
  );
});

describe('uniform', () => {
  const draws = 200_000;
  const uniformity = (draw: (position: number) => number) => {
    const counts = new Array<number>(64).fill(0);
    for (let position = 0; position < draws; position++) counts[Math.floor(draw(position) * 64)]++;
    return chiSquareTest(counts, new Array<number>(64).fill(1 / 64)).p;
  };

  it('is uniform along every field of the key', () => {
    expect(uniformity((n) => uniform(key(n)))).toBeGreaterThan(1e-4);
    expect(uniformity((n) => uniform(key(0, { step: n })))).toBeGreaterThan(1e-4);
    expect(uniformity((n) => uniform(key(0, { stream: n })))).toBeGreaterThan(1e-4);
    expect(uniformity((n) => uniform(key(0, { seed: n })))).toBeGreaterThan(1e-4);
    expect(uniformity((n) => uniformOpen(key(n)))).toBeGreaterThan(1e-4);
  });

  it('is uniform in its lowest bits, and the test notices when they are not', () => {
    const low = (value: number) => (value * 2 ** 47) % 1;
    expect(uniformity((n) => low(uniform(key(n))))).toBeGreaterThan(1e-4);
    expect(uniformity((n) => low(Math.fround(uniform(key(n)))))).toBeLessThan(1e-9);
  });

  it('is independent between neighbours, streams and steps', () => {
    const pairs = (other: (position: number) => number) => {
      const counts = new Array<number>(256).fill(0);
      for (let position = 0; position < draws; position++) {
        counts[Math.floor(uniform(key(position)) * 16) * 16 + Math.floor(other(position) * 16)]++;
      }
      return chiSquareTest(counts, new Array<number>(256).fill(1 / 256)).p;
    };
    expect(pairs((n) => uniform(key(n + 1)))).toBeGreaterThan(1e-4);
    expect(pairs((n) => uniform(key(n, { step: 1 })))).toBeGreaterThan(1e-4);
    expect(pairs((n) => uniform(key(n, { stream: randomStreams.accept })))).toBeGreaterThan(1e-4);
    expect(pairs((n) => uniform(key(n, { seed: 8 })))).toBeGreaterThan(1e-4);
    expect(pairs((n) => uniform(key(n)))).toBe(0);
  });

  it('fills in blocks that do not depend on the length', () => {
    const long = new Float64Array(9);
    fillUniform(key(4), long);
    expect(long[0]).toBe(uniform(key(4)));
    expect(new Set(long).size).toBe(9);
    for (let length = 0; length < 9; length++) {
      const short = new Float64Array(length);
      fillUniform(key(4), short);
      expect([...short]).toEqual([...long.subarray(0, length)]);
    }
  });
});

describe('fillGumbel', () => {
  it('begins with the number of its key, and fills as fillUniform does', () => {
    const long = new Float64Array(9);
    fillGumbel(key(4), long);
    expect(long[0]).toBe(gumbel(key(4)));
    expect(new Set(long).size).toBe(9);
    const short = new Float64Array(4);
    fillGumbel(key(4), short);
    expect([...short]).toEqual([...long.subarray(0, 4)]);
  });

  it('makes the argmax a sample of the softmax', () => {
    const logits = [0, 1, 2, -1];
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const counts = new Array<number>(4).fill(0);
    const noise = new Float64Array(4);
    for (let position = 0; position < 20_000; position++) {
      fillGumbel(key(position), noise);
      const noisy = logits.map((logit, id) => logit + noise[id]);
      counts[noisy.indexOf(Math.max(...noisy))]++;
    }
    expect(
      chiSquareTest(
        counts,
        logits.map((logit) => Math.exp(logit) / total),
      ).p,
    ).toBeGreaterThan(0.001);
  });
});

describe('gumbel and normal', () => {
  const moments = (draw: (position: number) => number) => {
    const draws = 100_000;
    const values = Float64Array.from({ length: draws }, (_, position) => draw(position));
    const mean = values.reduce((sum, value) => sum + value, 0) / draws;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws;
    return { mean, variance };
  };

  it('have the mean and variance of their distributions', () => {
    const standard = moments((n) => normal(key(n)));
    expect(Math.abs(standard.mean)).toBeLessThan(0.015);
    expect(Math.abs(standard.variance - 1)).toBeLessThan(0.02);
    const extreme = moments((n) => gumbel(key(n)));
    expect(Math.abs(extreme.mean - 0.5772156649)).toBeLessThan(0.02);
    expect(Math.abs(extreme.variance - Math.PI ** 2 / 6)).toBeLessThan(0.05);
  });

  it('fall into the right quantiles', () => {
    const counts = [0, 0, 0, 0];
    const gumbelCounts = [0, 0, 0, 0];
    const quartile = 0.6744897501960817;
    for (let n = 0; n < 50_000; n++) {
      const value = normal(key(n));
      counts[value < -quartile ? 0 : value < 0 ? 1 : value < quartile ? 2 : 3]++;
      gumbelCounts[Math.floor(Math.exp(-Math.exp(-gumbel(key(n)))) * 4)]++;
    }
    expect(chiSquareTest(counts, [0.25, 0.25, 0.25, 0.25]).p).toBeGreaterThan(1e-4);
    expect(chiSquareTest(gumbelCounts, [0.25, 0.25, 0.25, 0.25]).p).toBeGreaterThan(1e-4);
  });
});
