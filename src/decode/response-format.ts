/** OpenAI's `response_format`, for the server and for batch files. */

import { z } from 'zod';
import type { GenerateOptions } from './generate.ts';

/** A JSON Schema, which the front end of constraints checks. */
export const jsonSchema = z.union([z.record(z.string(), z.unknown()), z.boolean()]);

export const responseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string().optional(),
      description: z.string().nullish(),
      schema: jsonSchema,
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** What a format demands of an answer. */
export function formatSchema(
  format: z.output<typeof responseFormat> | null | undefined,
): Pick<GenerateOptions, 'schema'> {
  if (format?.type === 'json_object') return { schema: { type: 'object' } };
  return format?.type === 'json_schema' ? { schema: format.json_schema.schema } : {};
}
