/** Sampling from the model's distribution, shaped by the sampling options. The baseline of sampled methods. */

import { z } from 'zod';
import { defineMethod } from '../method.ts';

export const sample = defineMethod({
  slug: 'sample',
  title: 'Sampling',
  family: 'baseline',
  summary:
    "Draws each token from the model's distribution, shaped by temperature, top-k, top-p, min-p and penalties.",
  options: z.strictObject({}),
  needs: ['causal'],
  sampling: 'sampled',
  guarantee: 'lossless',
  phases: () => ({}),
});
