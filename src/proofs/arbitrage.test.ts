import { describe, expect, it } from 'vitest';
import { accuracyFor, costFor } from './arbitrage.ts';

describe('cost of an accuracy', () => {
  const curve = [
    { cost: 0, accuracy: 0.4 },
    { cost: 10, accuracy: 0.6 },
    { cost: 30, accuracy: 0.9 },
  ];

  it('lies on straight lines between the points, in whatever order they come', () => {
    for (const points of [curve, curve.toReversed()]) {
      expect(costFor(0.5, points)).toBeCloseTo(5);
      expect(costFor(0.6, points)).toBeCloseTo(10);
      expect(costFor(0.75, points)).toBeCloseTo(20);
      expect(costFor(0.9, points)).toBeCloseTo(30);
    }
  });

  it('is that of the cheapest point for less than that is worth, and endless for more than any', () => {
    expect(costFor(0.3, curve)).toBe(0);
    expect(costFor(0.95, curve)).toBe(Number.POSITIVE_INFINITY);
  });

  it('does not rise by a point that another beats', () => {
    const worse = [...curve, { cost: 12, accuracy: 0.5 }, { cost: 10, accuracy: 0.3 }];
    for (const accuracy of [0.45, 0.6, 0.7, 0.9])
      expect(costFor(accuracy, worse)).toBe(costFor(accuracy, curve));
  });
});

describe('accuracy for a cost', () => {
  const curve = [
    { cost: 30, accuracy: 0.9 },
    { cost: 10, accuracy: 0.6 },
    { cost: 20, accuracy: 0.5 },
    { cost: 0, accuracy: 0.4 },
  ];

  it('lies on straight lines between the points that no other beats', () => {
    expect(accuracyFor(0, curve)).toBeCloseTo(0.4);
    expect(accuracyFor(5, curve)).toBeCloseTo(0.5);
    expect(accuracyFor(20, curve)).toBeCloseTo(0.75);
  });

  it("is the best point's for more tokens", () => {
    expect(accuracyFor(100, curve)).toBe(0.9);
  });
});
