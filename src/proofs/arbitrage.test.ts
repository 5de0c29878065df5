import { describe, expect, it } from 'vitest';
import { tokensFor } from './arbitrage.ts';

describe('tokens for an accuracy', () => {
  const curve = [
    { tokens: 0, accuracy: 0.4 },
    { tokens: 10, accuracy: 0.6 },
    { tokens: 30, accuracy: 0.9 },
  ];

  it('lie on straight lines between the points, in whatever order they come', () => {
    for (const points of [curve, curve.toReversed()]) {
      expect(tokensFor(0.5, points)).toBeCloseTo(5);
      expect(tokensFor(0.6, points)).toBeCloseTo(10);
      expect(tokensFor(0.75, points)).toBeCloseTo(20);
      expect(tokensFor(0.9, points)).toBeCloseTo(30);
    }
  });

  it('are those of the cheapest point for less than that is worth, and endless for more than any', () => {
    expect(tokensFor(0.3, curve)).toBe(0);
    expect(tokensFor(0.95, curve)).toBe(Number.POSITIVE_INFINITY);
  });

  it('do not rise by a point that another beats', () => {
    const worse = [...curve, { tokens: 12, accuracy: 0.5 }, { tokens: 10, accuracy: 0.3 }];
    for (const accuracy of [0.45, 0.6, 0.7, 0.9])
      expect(tokensFor(accuracy, worse)).toBe(tokensFor(accuracy, curve));
  });
});
