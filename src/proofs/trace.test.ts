/** What is read off traces, on traces written by hand. */

import { describe, expect, it } from 'vitest';
import { leastForwards } from './freedave.ts';
import { finalByDistance } from './localleap.ts';
import { isKnown } from './prophet.ts';
import { delays, finalTokens, predictionsOf, type Trace } from './trace.ts';

/** A step from [position, token, confidence] and the committed positions. */
const step = (predictions: readonly [number, number, number][], ...committed: number[]) => ({
  positions: predictions.map(([position]) => position),
  tokens: predictions.map(([, token]) => token),
  confidence: predictions.map(([, , confidence]) => confidence),
  notes: [],
  committed,
});

/** Three positions; position 2 changes its mind twice. */
const trace: Trace = [
  step(
    [
      [0, 5, 0.9],
      [1, 6, 0.5],
      [2, 7, 0.8],
    ],
    0,
  ),
  step(
    [
      [1, 6, 0.6],
      [2, 8, 0.4],
    ],
    1,
  ),
  step([[2, 7, 0.9]], 2),
];

it('knows the final tokens, and which predictions are final already', () => {
  expect([...finalTokens(trace)]).toEqual([
    [0, 5],
    [1, 6],
    [2, 7],
  ]);
  const final = [...predictionsOf(trace)].map(({ step: { positions }, index, isFinal }) => [
    positions[index],
    isFinal,
  ]);
  expect(final).toEqual([
    [0, true],
    [1, true],
    [2, true],
    [1, true],
    [2, false],
    [2, true],
  ]);
});

it('counts the steps from the last change of mind to the commit', () => {
  expect(delays(trace)).toEqual([0, 1, 0]);
  expect(delays([])).toEqual([]);
});

describe('leastForwards', () => {
  it('jumps as far as the predictions reach', () => {
    // Order and tokens of the first step hold: canvases 0, 1, 2 are scored in two forwards, or one after the other.
    const steady: Trace = [
      step(
        [
          [0, 5, 0.9],
          [1, 6, 0.8],
          [2, 7, 0.7],
        ],
        0,
      ),
      step(
        [
          [1, 6, 0.9],
          [2, 7, 0.8],
        ],
        1,
      ),
      step([[2, 7, 0.9]], 2),
    ];
    expect([1, 2, 3].map((canvases) => leastForwards(steady, canvases))).toEqual([3, 2, 2]);
  });

  it('does not jump over a change of mind', () => {
    // From the first step position 2 would come second; from the second step on all is as predicted.
    expect(leastForwards(trace, 3)).toBe(3);
  });

  it('takes a shorter jump where it leads further', () => {
    const at = (order: readonly number[], committed: number) =>
      step(
        order.map((position, rank) => [position, position, 1 - rank / 10]),
        committed,
      );
    // Predictions of step 0 reach step 2, from where one step at a time is left; those of step 1 reach the end.
    const uneven: Trace = [
      at([0, 1, 5, 2, 3, 4], 0),
      at([1, 2, 3, 4, 5], 1),
      at([2, 5, 3, 4], 2),
      at([3, 5, 4], 3),
      at([4, 5], 4),
      at([5], 5),
    ];
    expect(leastForwards(uneven, 8)).toBe(3);
  });
});

it('asks what the answer would be if the rest were filled in now', () => {
  expect([1 / 3, 2 / 3, 1].map((share) => isKnown(trace, share, []))).toEqual([true, false, true]);
  // What stands behind the end token 6 is none of the answer.
  expect(isKnown(trace, 2 / 3, [6])).toBe(true);
});

it('bins predictions by their distance to an anchor', () => {
  const lone: Trace = [
    step(
      [
        [0, 5, 0.95],
        [1, 6, 0.8],
        [4, 9, 0.3],
      ],
      0,
      1,
    ),
    step([[4, 8, 0.4]], 4),
  ];
  expect(finalByDistance([lone], [0.9, 0.75]).rows).toEqual([
    ['1', 1, 1, 1, 1],
    ['2', 0, '', 0, ''],
    ['3 to 4', 1, 0, 0, ''],
    ['5 to 8', 0, '', 0, ''],
    // Without an anchor in the step, nothing is near.
    ['9 or more', 1, 1, 0, ''],
  ]);
});
