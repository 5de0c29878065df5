/**
 * FreeDave, free draft and verification (2025): the predictions of one step also say what the canvas may look like one,
 * two, … steps on. Those canvases are scored in one forward, and decoding goes on from the last one that it reaches
 * anyway, so that the forward that checks the drafts also makes the next ones. The answer is that of `diffusion`.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { commitRule } from './commit/rule.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { layoutOf, refuse } from './layout.ts';
import { canvasOptions, commitOptions } from './options.ts';
import type { CanvasView, DraftHook, Look, Parts, Placement } from './parts.ts';

/**
 * Drafts of the next `count` steps: each is what the rule would make of the one before if the predictions stayed what
 * they are. For one token a step these are the top-1, …, top-d of the paper; for a threshold, those of its FreeDave++.
 */
function staticDrafts(count: number): DraftHook {
  return (predictions, canvas, turn) => {
    const drafts: (readonly Placement[])[] = [];
    let ahead: CanvasView = canvas;
    while (drafts.length < count) {
      const guess = predictions.ahead(ahead);
      if (guess.candidates.length === 0) break;
      const placements = turn(guess, ahead);
      ahead = ahead.after(placements);
      // A full canvas needs no score.
      if (ahead.masked().length === 0) break;
      // A step that commits nothing leaves the canvas that is scored already.
      if (placements.length > 0) drafts.push(placements);
    }
    return drafts;
  };
}

/** The block and the next `blocks` ones, so that drafts can cross its border. */
const lookAcross =
  (blockLength: number, blocks: number): Look =>
  (canvas) =>
    canvas.masked(
      canvas.block.start,
      Math.min(canvas.tokens.length, (canvas.block.index + 1 + blocks) * blockLength),
    );

/**
 * Parts that score `canvases` canvases in a forward: the next step's, and what would follow it.
 * @param parts with a commit rule that only knows what it is given: it is also asked about canvases that never come
 */
export function withDrafts(parts: Parts, canvases: number): Parts {
  return canvases > 1 ? { ...parts, drafts: staticDrafts(canvases - 1) } : parts;
}

export const freedave = defineMethod({
  slug: 'freedave',
  title: 'FreeDave',
  family: 'masked-diffusion',
  summary:
    "Scores what the canvas may look like some steps on, together with the next step's canvas; the answer is that of diffusion, in fewer forwards.",
  options: z.strictObject({
    ...canvasOptions.shape,
    ...commitOptions.shape,
    draftSteps: z
      .int()
      .min(1)
      .max(256)
      .default(4)
      .describe('Canvases scored in a forward: the next step, and what would follow it; 1 drafts nothing.'),
    eager: z
      .boolean()
      .default(false)
      .describe('Draft beyond the end of a block; worth it when blocks are short.'),
  }),
  needs: ['bidirectional', 'canvas'],
  sampling: 'any',
  guarantee: 'lossless',
  baseline: 'diffusion',
  phases: (options, run) => {
    if (run.finish) return {};
    const { draftSteps, eager, cache } = options;
    if (eager && cache !== 'none') {
      refuse('eager', 'drafts end with the block, as its cache does', 'Leave it out, or use cache none.');
    }
    const { blockLength } = layoutOf(options, run);
    const look = eager ? lookAcross(blockLength, Math.ceil(draftSteps / blockLength)) : undefined;
    return decodeCanvas(run, options, withDrafts({ commit: commitRule(options, run), look }, draftSteps));
  },
});
