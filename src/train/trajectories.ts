/**
 * Sampled answers of a canvas method as what the likelihood of an answer is made of: each step's canvas, and the tokens
 * that the step committed. On the canvas x^(t) that step t was given, the tokens U^(t) are asked about (CJ-GRPO,
 * arXiv:2509.23924), so that what is optimized is the very way the answer came about. One-step GRPO and diffu-GRPO (d1,
 * Zhao et al. 2025, arXiv:2504.12216) ask about all tokens at once on the empty canvas, the latter with a part of the
 * prompt masked too: trajectories of a single step.
 */

import { uniform } from '../decode/random.ts';
import { tensor } from '../graph/types.ts';
import type { CommittedTokens } from './policy.ts';
import { trainingStreams } from './streams.ts';

/** One sampled answer. */
export interface Trajectory {
  prompt: readonly number[];
  /** [canvas] All tokens, also those behind the end of the answer. */
  tokens: readonly number[];
  /** [canvas] The step that committed each, from 0. */
  steps: readonly number[];
}

/** |U^(t)|: how many tokens each step of these trajectories committed, all together. */
export function stepSizes(trajectories: readonly Trajectory[]): number[] {
  const sizes: number[] = [];
  for (const { steps } of trajectories) for (const step of steps) sizes[step] = (sizes[step] ?? 0) + 1;
  return sizes;
}

/** The answer as if it had been committed at once. */
export const inOneStep = (trajectory: Trajectory): Trajectory => ({
  ...trajectory,
  steps: trajectory.tokens.map(() => 0),
});

/** The answer to a prompt of which some tokens, each with probability `share`, are masked; `draw` numbers the draws. */
export function withMaskedPrompt(
  trajectory: Trajectory,
  { mask, share, seed, draw }: { mask: number; share: number; seed: number; draw: number },
): Trajectory {
  const prompt = trajectory.prompt.map((token, position) =>
    uniform({ seed, stream: trainingStreams.promptMask, step: draw, position }) < share ? mask : token,
  );
  return { ...trajectory, prompt };
}

export interface TrajectoryBatch {
  asked: CommittedTokens;
  /** [asked] Which trajectory each token is of. */
  owners: Int32Array;
  /** [asked] 1 / (T |U^(t)|): every step weighs the same, and every token of a step. */
  weights: Float32Array;
}

/**
 * What is asked about trajectories whose prompts are equally long, and canvases too, so that nothing is padded. Each
 * canvas is one row of the batch, whichever trajectories came by it: the empty one all of them did.
 * @param sizes `stepSizes` of all trajectories of the update, these among them
 */
export function trajectoryBatch(
  trajectories: readonly Trajectory[],
  sizes: readonly number[],
  { mask, shift }: { mask: number; shift: boolean },
): TrajectoryBatch {
  const before = shift ? 1 : 0;
  const canvases = new Map<string, { ids: number[]; first: number }>();
  const headRows: number[] = [];
  const committed: number[] = [];
  const owners: number[] = [];
  const weights: number[] = [];
  for (const [owner, { prompt, tokens, steps }] of trajectories.entries()) {
    for (const [step, size] of sizes.entries()) {
      const ids = [...prompt, ...tokens.map((token, position) => (steps[position] < step ? token : mask))];
      const key = ids.join();
      const { first } = canvases.get(key) ?? { first: canvases.size * ids.length };
      canvases.set(key, { ids, first });
      for (const [position, token] of tokens.entries()) {
        if (steps[position] !== step) continue;
        headRows.push(first + prompt.length + position - before);
        committed.push(token);
        owners.push(owner);
        weights.push(1 / (sizes.length * size));
      }
    }
  }
  const all = [...canvases.values()].map(({ ids }) => ids);
  const shape = [all.length, all[0].length];
  return {
    asked: {
      ids: tensor('int32', shape, Int32Array.from(all.flat())),
      positions: tensor('int32', shape, Int32Array.from(all.flatMap((ids) => [...ids.keys()]))),
      headRows: tensor('int32', [headRows.length], Int32Array.from(headRows)),
      tokens: tensor('int32', [committed.length], Int32Array.from(committed)),
    },
    owners: Int32Array.from(owners),
    weights: Float32Array.from(weights),
  };
}
