import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constantSchedule, cosineSchedule } from './schedule.ts';

describe('constantSchedule', () => {
  it('rises to the rate and stays there', () => {
    const schedule = constantSchedule(8, 4);
    expect([1, 2, 3, 4, 5, 1000].map(schedule)).toEqual([2, 4, 6, 8, 8, 8]);
  });

  it('begins at the rate without a warm-up', () => {
    expect(constantSchedule(8)(1)).toBe(8);
  });
});

describe('cosineSchedule', () => {
  it('rises over the warm-up, then falls along half a cosine', () => {
    const schedule = cosineSchedule(1, 104, 4);
    expect([1, 2, 4].map(schedule)).toEqual([0.25, 0.5, 1]);
    expect(schedule(29)).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
    expect(schedule(54)).toBeCloseTo(0.5, 12);
    expect(schedule(104)).toBe(0);
  });

  it('ends at the floor', () => {
    expect(cosineSchedule(2, 10, 1, 0.1)(10)).toBeCloseTo(0.2, 12);
  });

  it('stays between 0 and the rate, rising first and then falling', () => {
    const run = fc.record({
      steps: fc.integer({ min: 1, max: 300 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(run, ({ steps, share }) => {
        const warmup = steps * share;
        const schedule = cosineSchedule(3, steps, warmup);
        for (let step = 1; step <= steps; step++) {
          const rate = schedule(step);
          expect(rate).toBeGreaterThanOrEqual(0);
          expect(rate).toBeLessThanOrEqual(3);
          if (step > 1 && step <= warmup) expect(rate).toBeGreaterThan(schedule(step - 1));
          if (step > warmup + 1) expect(rate).toBeLessThanOrEqual(schedule(step - 1));
        }
      }),
    );
  });
});
