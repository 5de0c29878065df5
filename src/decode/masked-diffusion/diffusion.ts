/**
 * Masked diffusion decoding: the base sampler of LLaDA (Nie et al. 2025, arXiv:2502.09992) with the orders of Dream (Ye
 * et al. 2025, arXiv:2508.15487) and the parallel commit rules of Fast-dLLM (Wu et al. 2025, arXiv:2505.22618). The
 * baseline of all canvas methods.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { commitRule } from './commit/rule.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { canvasOptions, commitOptions } from './options.ts';

const options = z.strictObject({ ...canvasOptions.shape, ...commitOptions.shape });

export const diffusion = defineMethod({
  slug: 'diffusion',
  title: 'Masked diffusion',
  family: 'masked-diffusion',
  summary:
    'Fills a canvas of masks, block by block, the surest predictions first; for models that see the whole canvas.',
  options,
  needs: ['bidirectional', 'canvas'],
  sampling: 'any',
  guarantee: 'own',
  phases: (options, run) =>
    run.finish ? {} : decodeCanvas(run, options, { commit: commitRule(options, run) }),
});
