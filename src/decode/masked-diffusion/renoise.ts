/**
 * Re-noising: the sampler of DiffusionGemma (2026) as a method of the canvas loop. A step takes the predictions within an
 * entropy budget, but only for now: the next one shows them to the model, in place of noise, and asks about them again.
 * What it has become unsure of is noise again. A block is committed as a whole, once its predictions have settled.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { argmax } from '../sampling/select.ts';
import { entropyBoundRule } from './commit/entropy-bound.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { commitOptions, wholeCanvasOptions } from './options.ts';
import type { CommitRule, Parts } from './parts.ts';

const options = z.strictObject({
  // Confidence is the entropy here, and nothing but that.
  ...wholeCanvasOptions.omit({ order: true, confidenceEosEotInf: true }).shape,
  entropyBound: commitOptions.shape.entropyBound
    .unwrap()
    .default(0.1)
    .describe(
      'Show the predictions of least entropy in the next step whose entropies sum up to at most this many nats, the last one left out.',
    ),
  maxSteps: z
    .int()
    .min(1)
    .max(1 << 20)
    .default(48)
    .describe('Steps after which a block is committed in any case.'),
  stableSteps: z
    .int()
    .min(0)
    .max(1 << 20)
    .default(1)
    .describe('Steps that the most probable tokens of a block must have lasted before it is committed.'),
  settledEntropy: z
    .number()
    .min(0)
    .max(100)
    .default(0.005)
    .describe('Mean entropy of the predictions of a block, in nats, below which it may be committed.'),
});

type Options = z.output<typeof options>;

function partsOf({ entropyBound, maxSteps, stableSteps, settledEntropy }: Options): Parts {
  const accept = entropyBoundRule(entropyBound);
  /** Most probable tokens by position, under the sampling options but without noise. */
  const leaders = new Map<number, number>();
  /** Those of the block in earlier steps, the last one last. */
  let history: Int32Array[] = [];

  const commit: CommitRule = (predictions, { blockStep }) => {
    const { positions, tokens, candidates, confidence } = predictions;
    if (blockStep === 0) history = [];
    const leading = Int32Array.from(candidates, (index) => leaders.get(positions[index])!);
    const before = history.slice(Math.max(0, history.length - stableSteps));
    const isStable =
      before.length === stableSteps && before.every((past) => past.every((token, i) => token === leading[i]));
    history = [...before, leading];
    const entropy = -candidates.reduce((sum, index) => sum + confidence[index], 0) / candidates.length;
    if (!(isStable && entropy < settledEntropy) && blockStep < maxSteps - 1) return [];
    candidates.forEach((index, i) => {
      tokens[index] = leading[i];
    });
    return candidates;
  };

  return {
    shape: (logits, position) => leaders.set(position, argmax(logits)),
    commit,
    hold: (predictions, canvas) =>
      accept(predictions, canvas).map((index) => ({
        position: predictions.positions[index],
        token: predictions.tokens[index],
      })),
  };
}

export const renoise = defineMethod({
  slug: 'renoise',
  title: 'Re-noising',
  family: 'masked-diffusion',
  summary:
    'Fills a canvas for now and asks about all of it again, until it has settled: the sampler of DiffusionGemma.',
  options,
  needs: ['bidirectional', 'canvas'],
  sampling: 'any',
  guarantee: 'own',
  phases: (options, run) =>
    run.finish
      ? {}
      : decodeCanvas(run, { ...options, order: 'entropy', confidenceEosEotInf: false }, partsOf(options)),
});
