/** The part of `GenerateOptions` that can come from outside as JSON, beside what each API names in its own way. */

import { z } from 'zod';
import { samplingOptions } from './sampling/options.ts';

/** Most characters of a pattern or grammar. */
const maxSource = 64 * 1024;

/** Options that `generate` checks by itself: passed on as they are. */
const sampling = Object.fromEntries(
  Object.keys(samplingOptions.shape).map((key) => [key, z.unknown().optional()]),
) as Record<keyof typeof samplingOptions.shape, z.ZodOptional<z.ZodUnknown>>;

/** Strict, and without anything that code would have to be: methods of one's own, processors, languages, models. */
export const jsonOptions = z.strictObject({
  method: z.string().max(100).optional(),
  methodOptions: z.record(z.string(), z.unknown()).optional(),
  ignoreEos: z.boolean().optional(),
  grammar: z.string().max(maxSource).optional(),
  regex: z.string().max(maxSource).optional(),
  ...sampling,
});
