/** Where the canvas is cut, on predictions given by hand. */

import { describe, expect, it } from 'vitest';
import { type EndGuard, endOfText } from './end-prediction.ts';
import type { CanvasView, Predictions } from './parts.ts';

const eos = 9;

/** A step on masked positions 0, 1, …; `committed` were filled in it. Returns the new length. */
function stepper(guard: EndGuard) {
  let accepted = new Set<number>();
  const rule = endOfText({ endIds: [eos], guard, accepted: () => accepted });
  return (
    tokens: number[],
    confidence: number[],
    {
      committed = [],
      filtered = [],
      decided = [],
    }: { committed?: number[]; filtered?: number[]; decided?: number[] } = {},
  ) => {
    accepted = new Set(filtered);
    const filled = [...committed, ...decided];
    const canvas = { tokens: Int32Array.from(tokens, (token, i) => (filled.includes(i) ? token : -1)) };
    const predictions = {
      positions: tokens.map((_, i) => i),
      tokens: Int32Array.from(tokens),
      confidence: Float64Array.from(confidence),
    };
    return rule(committed, predictions as unknown as Predictions, canvas as CanvasView);
  };
}

describe('endOfText', () => {
  it('cuts behind the leftmost end that the filter accepted, however sure another is', () => {
    const step = stepper({ by: 'any' });
    const options = { committed: [0, 1, 2], filtered: [0, 1, 2] };
    expect(step([3, eos, eos, eos], [0.9, 0.2, 0.8, 0.99], options)).toBe(2);
  });

  it('cuts behind the surest end of any masked position otherwise, the lowest on ties', () => {
    const step = stepper({ by: 'any' });
    expect(step([3, eos, eos, eos], [0.9, 0.2, 0.8, 0.7], { committed: [0], filtered: [0] })).toBe(3);
    expect(step([3, eos, eos], [0.9, 0.2, 0.2])).toBe(2);
    expect(step([3, 4], [1, 1])).toBeUndefined();
  });

  it('counts ends committed in this step, and none that were decided before', () => {
    const step = stepper({ by: 'any' });
    expect(step([3, eos, eos], [0.9, 0.8, 0.2], { committed: [1] })).toBe(2);
    expect(step([3, eos, eos], [0.9, 0.8, 0.2], { decided: [1] })).toBe(3);
  });

  it('leaves unsure ends alone, but for those that the filter accepted', () => {
    const step = stepper({ by: 'confidence', least: 0.7 });
    expect(step([eos, eos], [0.6, 0.69])).toBeUndefined();
    expect(step([eos, eos], [0.6, 0.7])).toBe(2);
    expect(step([eos, eos], [0.6, 0.9], { committed: [0], filtered: [0] })).toBe(1);
  });

  it('waits for ends to be predicted twice running', () => {
    const step = stepper({ by: 'persistence' });
    expect(step([3, eos, 4], [1, 1, 1])).toBeUndefined();
    expect(step([3, 4, eos], [1, 1, 1])).toBeUndefined();
    expect(step([3, eos, eos], [1, 1, 0.1])).toBe(3);
    expect(step([3, eos, 4], [1, 0.5, 1])).toBe(2);
  });
});
