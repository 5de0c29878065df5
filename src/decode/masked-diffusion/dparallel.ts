/**
 * dParallel ("dParallel: Learnable Parallel Decoding for dLLMs", 2025): parallel decoding of a model that was trained to
 * be sure early (train/recipes/dparallel.ts). The decoding is a threshold, on the entropy of a prediction or on its
 * probability, and works with any masked-diffusion model.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { thresholdRule } from './commit/threshold.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { canvasOptions, commitOptions } from './options.ts';

export const dparallel = defineMethod({
  slug: 'dparallel',
  title: 'dParallel',
  family: 'masked-diffusion',
  summary:
    'Commits all predictions whose entropy is low enough, with a model that was trained to be sure of many at once.',
  options: z.strictObject({
    ...canvasOptions.omit({ order: true }).shape,
    entropy: z
      .number()
      .min(0)
      .max(100)
      .default(0.5)
      .describe('Commit all predictions with at most this entropy, in nats.'),
    threshold: commitOptions.shape.threshold.describe(
      'Commit all predictions with at least this confidence, in place of the entropy; above 1 commits one a step.',
    ),
  }),
  needs: ['bidirectional', 'mask-token'],
  sampling: 'any',
  guarantee: 'own',
  model: 'house-dparallel',
  phases: (options, run) => {
    if (run.finish) return {};
    const { entropy, threshold } = options;
    const order = threshold === undefined ? 'entropy' : 'low_confidence';
    return decodeCanvas(run, { ...options, order }, { commit: thresholdRule(threshold ?? -entropy) });
  },
});
