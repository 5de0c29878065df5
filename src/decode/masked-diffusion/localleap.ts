/**
 * LocalLeap ("Accelerating Diffusion LLM Inference via Local Determinism Propagation", 2025, arXiv:2510.07081):
 * parallel decoding with a second, lower threshold for the neighbours of sure tokens. One rule, no state, no training.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import type { Run } from '../run.ts';
import { localLeapRule } from './commit/local-leap.ts';
import { creditOptions, withCredit } from './credit-decoding.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { canvasOptions, checkThreshold } from './options.ts';
import type { Parts } from './parts.ts';

const options = z.strictObject({
  ...canvasOptions.shape,
  threshold: z
    .number()
    .min(0)
    .max(2)
    .default(0.9)
    .describe(
      'Commit all predictions with at least this confidence; they are the anchors. Above 1 there are none.',
    ),
  relaxedThreshold: z
    .number()
    .min(0)
    .max(2)
    .default(0.75)
    .describe('Confidence that is enough close to an anchor; never more than the threshold.'),
  radius: z
    .int()
    .min(0)
    .max(1 << 20)
    .default(4)
    .describe(
      'How many positions an anchor reaches to either side; 0 leaves the relaxed threshold without use.',
    ),
  decay: z
    .enum(['none', 'linear'])
    .default('none')
    .describe(
      'Whether the relaxed threshold holds throughout the radius, or rises with distance to the other one.',
    ),
  endTokens: z
    .enum(['anchor', 'plain'])
    .default('anchor')
    .describe('Whether sure end tokens are anchors; plain ones do not draw their neighbours to the end.'),
  ...creditOptions.shape,
});

type Options = z.output<typeof options>;

function partsOf(options: Options, run: Run): Parts {
  const { threshold, relaxedThreshold, radius, decay, endTokens, order } = options;
  checkThreshold('threshold', order);
  const commit = localLeapRule({
    threshold,
    relaxed: relaxedThreshold,
    radius,
    decay: decay === 'linear',
    weak: endTokens === 'plain' ? (run.masking?.endIds ?? []) : [],
  });
  return withCredit({ commit }, options);
}

export const localleap = defineMethod({
  slug: 'localleap',
  title: 'LocalLeap',
  family: 'masked-diffusion',
  summary:
    'Commits all predictions that are sure enough, and next to those also less sure ones; fewer forwards than one threshold.',
  options,
  needs: ['bidirectional', 'canvas'],
  sampling: 'any',
  guarantee: 'own',
  phases: (options, run) => (run.finish ? {} : decodeCanvas(run, options, partsOf(options, run))),
});
