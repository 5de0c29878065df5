/** Greedy decoding: the most likely token, one at a time; the lowest id on ties. The baseline of lossless methods. */

import { z } from 'zod';
import { defineMethod } from '../method.ts';

export const greedy = defineMethod({
  slug: 'greedy',
  title: 'Greedy decoding',
  family: 'baseline',
  summary:
    'Commits the most likely token at every step. Deterministic; the yardstick of every lossless method.',
  options: z.strictObject({}),
  needs: ['causal'],
  sampling: 'greedy',
  guarantee: 'lossless',
  phases: () => ({}),
});
