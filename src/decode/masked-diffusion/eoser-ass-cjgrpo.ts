/**
 * EOS early rejection and ascending steps ("Taming Masked Diffusion Language Models via Consistency Trajectory
 * Reinforcement Learning with Fewer Decoding Step", 2025, arXiv:2509.23924): a whole canvas, without blocks, in as many
 * steps as its length has binary digits, without ending too soon. CJ-GRPO, the paper's training: train/group-policy.ts.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import type { Run } from '../run.ts';
import { ascendingBlocks, ascendingQuotas, ascendingSteps, quotasRule } from './commit/ascending.ts';
import { commitRule } from './commit/rule.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { ascendingRamp, earlyRejection, linearRamp } from './early-rejection.ts';
import { layoutOf, refuse, scheduledSteps } from './layout.ts';
import { scheduleOptions, wholeCanvasOptions } from './options.ts';
import type { Parts } from './parts.ts';

const options = z.strictObject({
  ...wholeCanvasOptions.shape,
  schedule: z
    .enum(['ascending', 'uniform', 'descending'])
    .default('ascending')
    .describe(
      'Tokens a step: 1, 2, 4 and so on, as many in each of the given steps, or the ascending ones backwards (for comparison).',
    ),
  ...scheduleOptions.shape,
  blocks: z
    .int()
    .min(1)
    .max(20)
    .default(1)
    .describe(
      'Blocks of ascending steps, each twice as long as the one before and from the second on filled in one step.',
    ),
  gammaMin: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Factor on the confidence of end tokens in the first step; 1 leaves them alone. 0.01 without it, 0.4 with uniform steps.',
    ),
  gammaMax: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Factor on the confidence of end tokens in the last step.'),
});

type Options = z.output<typeof options>;

/** Which tokens come when: blocks, commit rule, and the ramp that goes with them. */
function scheduleOf(
  options: Options,
  run: Run,
): Pick<Parts, 'commit' | 'blocks'> & { ramp(step: number): number } {
  const { schedule, steps, blocks, order, genLength } = options;
  const layout = layoutOf(options, run);
  if (schedule === 'uniform') {
    if (blocks !== 1) refuse('blocks', 'uniform steps have blocks of equal length', 'Use blockLength.');
    return { commit: commitRule(options, run), ramp: linearRamp(scheduledSteps(layout, steps)) };
  }
  const { length, blockLength } = layout;
  const count = ascendingSteps(length);
  if (steps !== undefined) {
    refuse('steps', `${schedule} steps are as many as the canvas asks for`, 'Leave it out, or use uniform.');
  }
  if (blockLength !== length) {
    refuse('blockLength', `${schedule} steps have one block, or blocks of their own`, 'Use blocks.');
  }
  if (order === 'origin') {
    refuse('order', 'origin commits a random number of tokens', 'Use uniform steps, or another order.');
  }
  // As with blockLength, a canvas that is only as long as there is room may have fewer.
  if (blocks > count && genLength !== undefined) {
    const remedy = `Give ${count} blocks at most, or a longer canvas.`;
    refuse('blocks', `${length} positions take ${count} steps, ${blocks} blocks at least as many`, remedy);
  }
  if (blocks > 1 && schedule === 'descending') {
    refuse('blocks', 'descending steps have one block', 'Use ascending steps.');
  }
  const quotas = ascendingQuotas(length);
  if (schedule === 'descending') quotas.reverse();
  return {
    blocks: ascendingBlocks(length, Math.min(blocks, count)),
    commit: quotasRule(quotas),
    ramp: ascendingRamp(count),
  };
}

function partsOf(options: Options, run: Run): Parts {
  const { schedule, order, gammaMax } = options;
  const { gammaMin = schedule === 'uniform' ? 0.4 : 0.01 } = options;
  const { ramp, ...parts } = scheduleOf(options, run);
  if (gammaMin > gammaMax) {
    refuse('gammaMin', `${gammaMin} is more than gammaMax ${gammaMax}`, 'End tokens are damped at first.');
  }
  if (gammaMin === 1) return parts;
  if (order === 'entropy' || order === 'origin') {
    const remedy = 'Use order low_confidence, margin or random, or gammaMin 1.';
    refuse('gammaMin', `a factor means nothing in the order ${order}`, remedy);
  }
  return { ...parts, confidence: earlyRejection({ gammaMin, gammaMax, ramp }, run.masking?.endIds ?? []) };
}

export const eoserAssCjgrpo = defineMethod({
  slug: 'eoser-ass-cjgrpo',
  title: 'EOS early rejection and ascending steps',
  family: 'masked-diffusion',
  summary:
    'Fills the whole canvas in steps of 1, 2, 4 and so on, end tokens last at first: 128 tokens in seven forwards.',
  options,
  needs: ['bidirectional', 'canvas'],
  sampling: 'any',
  guarantee: 'own',
  phases: (options, run) => (run.finish ? {} : decodeCanvas(run, options, partsOf(options, run))),
});
