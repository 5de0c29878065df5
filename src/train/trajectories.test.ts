/** What is asked about trajectories, and with which weight. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOneStep, stepSizes, type Trajectory, trajectoryBatch, withMaskedPrompt } from './trajectories.ts';

const mask = 1;
const token = fc.integer({ min: 2, max: 5 });

/** Trajectories of one prompt, often alike, that commit at least one token in each step. */
const groups = fc
  .record({
    prompt: fc.array(token, { minLength: 1, maxLength: 4 }),
    canvas: fc.integer({ min: 1, max: 6 }),
    steps: fc.integer({ min: 1, max: 3 }),
    count: fc.integer({ min: 1, max: 5 }),
  })
  .chain(({ prompt, canvas, steps, count }) => {
    const last = Math.min(steps, canvas) - 1;
    const trajectory = fc.record({
      prompt: fc.constant(prompt),
      tokens: fc.array(token, { minLength: canvas, maxLength: canvas }),
      steps: fc
        .array(fc.integer({ min: 0, max: last }), { minLength: canvas, maxLength: canvas })
        .map((drawn) => drawn.map((step, i) => (i <= last ? i : step))),
    });
    return fc.array(trajectory, { minLength: count, maxLength: count });
  });

describe('a batch of trajectories', () => {
  it.each([false, true])(
    'asks about each position once, on the canvas that its step was given (shift %s)',
    (shift) => {
      fc.assert(
        fc.property(groups, (trajectories: Trajectory[]) => {
          const sizes = stepSizes(trajectories);
          const { asked, owners, weights } = trajectoryBatch(trajectories, sizes, { mask, shift });
          const [count, rows] = asked.ids.shape as number[];
          const seen = trajectories.map(() => new Set<number>());
          for (const [i, owner] of owners.entries()) {
            const { prompt, tokens, steps } = trajectories[owner];
            const at = Number(asked.headRows.data[i]) + (shift ? 1 : 0);
            const position = (at % rows) - prompt.length;
            const step = steps[position];
            const canvas = tokens.map((token, p) => (steps[p] < step ? token : mask));
            const row = Math.floor((at - 1) / rows) * rows;
            expect([...asked.ids.data.slice(row, row + rows)].map(Number)).toEqual([...prompt, ...canvas]);
            expect(Number(asked.tokens.data[i])).toBe(tokens[position]);
            expect(seen[owner].has(position)).toBe(false);
            seen[owner].add(position);
            expect(weights[i]).toBeCloseTo(1 / (sizes.length * sizes[step]), 6);
          }
          for (const [owner, { tokens }] of trajectories.entries())
            expect(seen[owner].size).toBe(tokens.length);
          // Each step weighs 1 / T in all.
          expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
          const ids = [...asked.ids.data].map(Number);
          const canvases = Array.from({ length: count }, (_, n) =>
            ids.slice(n * rows, (n + 1) * rows).join(),
          );
          expect(new Set(canvases).size).toBe(count);
        }),
      );
    },
  );

  it('of one step asks about everything on the empty canvas, with one weight', () => {
    fc.assert(
      fc.property(groups, (trajectories: Trajectory[]) => {
        const whole = trajectories.map(inOneStep);
        const { asked, weights } = trajectoryBatch(whole, stepSizes(whole), { mask, shift: false });
        const [{ prompt, tokens }] = trajectories;
        expect([...asked.ids.data].map(Number)).toEqual([...prompt, ...tokens.map(() => mask)]);
        expect(new Set(weights).size).toBe(1);
        expect(weights[0]).toBeCloseTo(1 / (tokens.length * trajectories.length), 6);
      }),
    );
  });
});

describe('a masked prompt', () => {
  const trajectory: Trajectory = {
    prompt: Array.from({ length: 4000 }, (_, i) => 2 + i),
    tokens: [7],
    steps: [0],
  };
  const masked = (draw: number) => withMaskedPrompt(trajectory, { mask, share: 0.15, seed: 3, draw });

  it('has the asked share masked, the same in the same draw and others in another', () => {
    const hidden = masked(0).prompt.filter((token, i) => token !== trajectory.prompt[i]);
    expect(new Set(hidden)).toEqual(new Set([mask]));
    // Five standard deviations.
    expect(Math.abs(hidden.length - 600)).toBeLessThan(113);
    expect(masked(0)).toEqual(masked(0));
    expect(masked(1).prompt).not.toEqual(masked(0).prompt);
    expect(masked(0).tokens).toBe(trajectory.tokens);
  });
});
