/** Options that every canvas method has. A method extends the shape by its own. */

import { z } from 'zod';
import { cacheKinds } from './block-cache.ts';
import { refuse } from './layout.ts';
import { type Order, orders } from './orders.ts';

export const canvasOptions = z.strictObject({
  genLength: z
    .int()
    .min(1)
    .max(1 << 20)
    .optional()
    .describe('Length of the canvas, in tokens; without it maxTokens, or what the context has room for.'),
  blockLength: z
    .int()
    .min(0)
    .max(1 << 20)
    .optional()
    .describe(
      'Positions that are decoded together; blocks go from left to right. 0 is one block (full diffusion); 32 without it.',
    ),
  order: z
    .enum(orders)
    .default('low_confidence')
    .describe(
      'Which predictions are committed first: the most probable, those of least entropy, those with the widest margin, any; origin commits a random number.',
    ),
  cfgScale: z
    .number()
    .min(0)
    .max(100)
    .default(0)
    .describe('Classifier-free guidance: how far to move away from what the model says without the prompt.'),
  logitsEosInf: z.boolean().default(false).describe('Never predict an end token.'),
  confidenceEosEotInf: z.boolean().default(false).describe('Commit end tokens last.'),
  earlyStop: z
    .enum(['answer', 'block', 'never'])
    .default('answer')
    .describe(
      'When an end token stops decoding: as soon as all before it is committed, after its block, or never; the text is the same.',
    ),
  cache: z
    .enum(cacheKinds)
    .default('none')
    .describe(
      'Keys and values that the steps of a block share: none, those before it, or those before and behind it; faster, and approximate from the second step of a block on.',
    ),
});

export type CanvasOptions = z.output<typeof canvasOptions>;

/** The same for methods that are about the whole canvas: one block unless told otherwise. */
export const wholeCanvasOptions = z.strictObject({
  ...canvasOptions.shape,
  blockLength: z
    .int()
    .min(0)
    .max(1 << 20)
    .default(0)
    .describe(
      'Positions that are decoded together; blocks go from left to right. 0 is one block (full diffusion).',
    ),
});

/**
 * Refuses a threshold in an order that it means nothing in.
 * @throws QuickstepError 'bad-option'
 */
export function checkThreshold(option: string, order: Order): void {
  if (order === 'low_confidence' || order === 'margin') return;
  const remedy = 'Use order low_confidence or margin, whose confidence is a probability.';
  refuse(option, `it means nothing in the order ${order}`, remedy);
}

/** Options of methods that commit in a fixed number of steps. */
export const scheduleOptions = z.strictObject({
  steps: z
    .int()
    .min(1)
    .max(1 << 20)
    .optional()
    .describe('Steps for the whole canvas, shared evenly by its blocks; one for each position without it.'),
});

/** Options of methods that sit on top of any way to commit; see `commitRule`. */
export const commitOptions = z.strictObject({
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
  entropyBound: z
    .number()
    .min(0)
    .max(1e6)
    .optional()
    .describe(
      'Commit the predictions of least entropy whose entropies sum up to at most this many nats, the last one left out, in place of fixed steps; in the order entropy.',
    ),
});

export type CommitOptions = z.output<typeof commitOptions>;
