/**
 * Learn2PD with EoTP ("Learning to Parallel: Accelerating Diffusion Large Language Models via Adaptive Parallel
 * Decoding", 2025): a small filter, trained to know predictions that are final from the confidences of their block,
 * stands in for a fixed threshold; and the canvas is cut where the text is predicted to end.
 */

import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import { defineMethod } from '../method.ts';
import type { Phases } from '../phases.ts';
import type { Masking, Run } from '../run.ts';
import { acceptedBy, learnedRule } from './commit/learned.ts';
import { quotaRule } from './commit/quota.ts';
import type { ConfidenceFilter } from './confidence-filter.ts';
import { readFilter } from './confidence-filter-file.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { type EndGuard, endOfText } from './end-prediction.ts';
import { type Layout, layoutOf, refuse, stepsPerBlock } from './layout.ts';
import { canvasOptions, scheduleOptions } from './options.ts';
import type { Look, Parts } from './parts.ts';

const options = z.strictObject({
  // The filter reads confidences as they are, so their order and meaning are not for choice.
  ...canvasOptions.omit({ order: true, confidenceEosEotInf: true }).shape,
  ...scheduleOptions.shape,
  filter: z
    .string()
    .min(1)
    .default('house-diffusion-filter')
    .describe('Folder of the filter, or its name among the models that ship with Quickstep.'),
  tau: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Accept predictions that the filter gives more than this; without it what the filter was saved with. 1 leaves the filter out.',
    ),
  eotp: z
    .enum(['confidence', 'persistence', 'any', 'off'])
    .default('confidence')
    .describe(
      'Which predicted ends cut the canvas: those sure enough, those predicted two steps running, any, none.',
    ),
  endConfidence: z
    .number()
    .min(0)
    .max(1)
    .default(0.9)
    .describe('Confidence that makes a predicted end sure enough.'),
});

type Options = z.output<typeof options>;

/**
 * Refuses a filter that was trained on something else.
 * @throws QuickstepError 'bad-option' for blocks of another length, 'unsupported' for another kind of model
 */
function checkFit({ facts }: ConfidenceFilter, { length, blockLength }: Layout, masking: Masking): void {
  // A short canvas is a block that is cut short, as the last one of a long canvas may be.
  const isCut = blockLength === length && length < facts.blockLength;
  if (blockLength !== facts.blockLength && !isCut) {
    const remedy = `Give blockLength ${facts.blockLength}, or another filter.`;
    refuse('filter', `it knows blocks of ${facts.blockLength} positions, not of ${blockLength}`, remedy);
  }
  const maskId = masking.corruption.kind === 'mask' ? masking.corruption.maskId : undefined;
  if (maskId !== facts.maskTokenId || masking.shiftLogits !== facts.shiftLogits) {
    throw new QuickstepError(
      'unsupported',
      `The filter was trained on ${facts.model}, which has another mask token or another shift of its logits.`,
      'Train one on this model, or give tau 1 to do without.',
    );
  }
}

/** The whole block, decided positions too, and all masks behind it. */
const lookAhead: Look = (canvas) => {
  const { start, end } = canvas.block;
  const block = Array.from({ length: end - start }, (_, place) => start + place);
  return [...block, ...canvas.masked(end)];
};

/** The whole block. */
const lookAtBlock: Look = (canvas) => lookAhead(canvas).filter((position) => position < canvas.block.end);

function guardOf({ eotp, endConfidence }: Options): EndGuard | undefined {
  if (eotp === 'off') return undefined;
  return eotp === 'confidence' ? { by: eotp, least: endConfidence } : { by: eotp };
}

function phasesOf(options: Options, run: Run): Partial<Phases> {
  const layout = layoutOf(options, run);
  const guard = guardOf(options);
  let filter: ConfidenceFilter | undefined;
  let accepted: ReadonlySet<number> = new Set();
  const accept: Parameters<typeof learnedRule>[0] = (predictions, canvas) => {
    if (filter) accepted = acceptedBy(filter, options.tau ?? filter.facts.tau, predictions, canvas);
    return accepted;
  };
  const parts: Parts = {
    look: guard ? lookAhead : lookAtBlock,
    commit: learnedRule(accept, quotaRule(stepsPerBlock(layout, options.steps))),
    stop: guard && endOfText({ endIds: run.eosIds, guard, accepted: () => accepted }),
  };
  const canvas = { ...options, order: 'low_confidence', confidenceEosEotInf: false } as const;
  return {
    ...decodeCanvas(run, canvas, parts),
    prepare: async () => {
      if (options.tau === 1) return;
      filter = await readFilter(options.filter, run.findFolder);
      checkFit(filter, layout, run.masking!);
    },
  };
}

export const learn2pd = defineMethod({
  slug: 'learn2pd',
  title: 'Learn2PD',
  family: 'masked-diffusion',
  summary:
    'Commits all predictions that a small trained filter takes for final, and cuts the canvas where the text is predicted to end.',
  options,
  needs: ['bidirectional', 'mask-token'],
  sampling: 'any',
  guarantee: 'own',
  model: 'house-diffusion',
  phases: (options, run) => (run.finish ? {} : phasesOf(options, run)),
});
