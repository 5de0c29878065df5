/**
 * Coherent contextual decoding ("Beyond Confidence: Adaptive and Coherent Decoding for Diffusion Language Models", 2025,
 * arXiv:2512.02044): a confident prediction may be a fluke of the half-filled canvas it was made on, so predictions
 * must hold over several steps. The buffer form is that of the released code; the mixture is the paper's theory.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import type { Run } from '../run.ts';
import { argmax } from '../sampling/select.ts';
import { coherentParts } from './commit/coherent.ts';
import { quota, quotaRule } from './commit/quota.ts';
import { ContextMixture } from './context-mixture.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { layoutOf, stepsPerBlock } from './layout.ts';
import { scheduleOptions, wholeCanvasOptions } from './options.ts';
import type { Parts } from './parts.ts';

const options = z.strictObject({
  ...wholeCanvasOptions.shape,
  order: z
    .enum(['entropy', 'margin', 'low_confidence'])
    .default('entropy')
    .describe(
      'Which predictions are best: those of least entropy, with the widest margin, or the most probable.',
    ),
  ...scheduleOptions.shape,
  budget: z
    .enum(['seek', 'uniform', 'plain'])
    .default('seek')
    .describe(
      'What is committed in a step: all that is coherent, the best of it in the given steps, or the best whether coherent or not.',
    ),
  expandRatio: z
    .number()
    .min(0)
    .max(1024)
    .default(4)
    .describe('How far the buffer grows: K tokens a step become at most K + K times this.'),
  warmup: z
    .int()
    .min(0)
    .max(1 << 20)
    .default(5)
    .describe('Steps of plain decoding before the buffer is used.'),
  lateReset: z
    .boolean()
    .default(false)
    .describe('Narrow the buffer to one position when at most a tenth of the canvas is masked.'),
  contexts: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Steps that predictions are averaged over; 1 takes those of this step, 3 or 4 is usual.'),
  topTokens: z
    .int()
    .min(1)
    .max(1 << 20)
    .default(16)
    .describe('Tokens of a past step that the average knows one by one; the others share what is left.'),
});

type Options = z.output<typeof options>;

function partsOf(options: Options, run: Run): Parts {
  const { steps, budget, contexts, topTokens, ...coherence } = options;
  const perBlock = stepsPerBlock(layoutOf(options, run), steps);
  const mixture = new ContextMixture(contexts, topTokens);
  /** By position, before noise and averages. */
  const leaders = new Map<number, number>();
  const shape: Parts['shape'] = (logits, position) => {
    leaders.set(position, argmax(logits));
    mixture.shape(logits, position);
  };
  // Otherwise the predicted tokens are the leaders, and the reduced outputs of the graph may do.
  const shaped = contexts > 1 || run.sampler.options.temperature > 0;
  const shaping = shaped ? { shape } : {};
  if (budget === 'plain') return { ...shaping, commit: quotaRule(perBlock) };
  return {
    ...shaping,
    ...coherentParts({
      ...coherence,
      seek: budget === 'seek',
      budget: ({ blockMasks, blockStep }) => quota(blockMasks, perBlock, blockStep),
      leader: shaped ? (position) => leaders.get(position)! : undefined,
    }),
  };
}

export const ccd = defineMethod({
  slug: 'ccd',
  title: 'Coherent contextual decoding',
  family: 'masked-diffusion',
  summary:
    'Commits predictions that were among the best in two steps running with the same token, as many as there are; easy stretches go fast.',
  options,
  needs: ['bidirectional', 'canvas'],
  sampling: 'any',
  guarantee: 'own',
  phases: (options, run) => (run.finish ? {} : decodeCanvas(run, options, partsOf(options, run))),
});
