import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wilsonInterval } from './wilson.ts';

describe('wilsonInterval', () => {
  // The first four from Newcombe 1998 (Statistics in Medicine 17:857-872, table I, method 3), which gives four decimals.
  it.each([
    { correct: 81, samples: 263, low: 0.2553, high: 0.3662 },
    { correct: 15, samples: 148, low: 0.0624, high: 0.1605 },
    { correct: 0, samples: 20, low: 0, high: 0.1611 },
    { correct: 1, samples: 29, low: 0.0061, high: 0.1718 },
    { correct: 10, samples: 10, low: 0.7225, high: 1 },
    { correct: 50, samples: 100, low: 0.4038, high: 0.5962 },
  ])('of $correct in $samples is [$low, $high]', ({ correct, samples, low, high }) => {
    const interval = wilsonInterval(correct, samples);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('knows nothing without samples', () => {
    expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 });
  });

  it('holds the share, within 0 and 1, and mirrors', () => {
    const counts = fc
      .integer({ min: 1, max: 100_000 })
      .chain((samples) =>
        fc.record({ samples: fc.constant(samples), correct: fc.integer({ min: 0, max: samples }) }),
      );
    fc.assert(
      fc.property(counts, ({ samples, correct }) => {
        const { low, high } = wilsonInterval(correct, samples);
        const mirrored = wilsonInterval(samples - correct, samples);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(correct / samples);
        expect(high).toBeGreaterThanOrEqual(correct / samples);
        expect(mirrored.low).toBeCloseTo(1 - high, 12);
      }),
    );
  });
});
