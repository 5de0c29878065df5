/**
 * Masked diffusion decoding: the base sampler of LLaDA (Nie et al. 2025, arXiv:2502.09992) with the orders of Dream (Ye
 * et al. 2025, arXiv:2508.15487) and the parallel commit rules of Fast-dLLM (Wu et al. 2025, arXiv:2505.22618). The
 * baseline of all canvas methods.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import type { Run } from '../run.ts';
import { factorRule } from './commit/factor.ts';
import { originRule } from './commit/origin.ts';
import { quotaRule } from './commit/quota.ts';
import { thresholdRule } from './commit/threshold.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { layoutOf, refuse, stepsPerBlock } from './layout.ts';
import { canvasOptions, scheduleOptions } from './options.ts';
import type { CommitRule } from './parts.ts';

const options = z.strictObject({
  ...canvasOptions.shape,
  ...scheduleOptions.shape,
  threshold: z
    .number()
    .min(0)
    .max(2)
    .optional()
    .describe(
      'Commit all predictions with at least this confidence, in place of fixed steps; above 1 commits one a step.',
    ),
  factor: z
    .number()
    .positive()
    .max(1e6)
    .optional()
    .describe(
      'Commit the n surest predictions with (n + 1)(1 - confidence) below this, in place of fixed steps; 1 is usual.',
    ),
});

type Options = z.output<typeof options>;

/** How many are committed in a step. */
function commitRule({ threshold, factor, steps, order, ...canvas }: Options, run: Run): CommitRule {
  const parallel = threshold !== undefined ? 'threshold' : factor !== undefined ? 'factor' : undefined;
  if (parallel) {
    if (steps !== undefined)
      refuse('steps', `${parallel} decides how many are committed`, `Leave one of the two out.`);
    if (threshold !== undefined && factor !== undefined) {
      refuse('factor', 'threshold decides how many are committed', 'Leave one of the two out.');
    }
    if (order !== 'low_confidence' && order !== 'margin') {
      const remedy = 'Use order low_confidence or margin, whose confidence is a probability.';
      refuse(parallel, `it means nothing in the order ${order}`, remedy);
    }
  }
  if (threshold !== undefined) return thresholdRule(threshold);
  if (factor !== undefined) return factorRule(factor);
  const perBlock = stepsPerBlock(layoutOf(canvas, run), steps);
  return order === 'origin' ? originRule(perBlock) : quotaRule(perBlock);
}

export const diffusion = defineMethod({
  slug: 'diffusion',
  title: 'Masked diffusion',
  family: 'masked-diffusion',
  summary:
    'Fills a canvas of masks, block by block, the surest predictions first; for models that see the whole canvas.',
  options,
  needs: ['bidirectional', 'mask-token'],
  sampling: 'any',
  guarantee: 'own',
  phases: (options, run) =>
    run.finish ? {} : decodeCanvas(run, options, { commit: commitRule(options, run) }),
});
