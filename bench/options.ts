/** Command lines of the benchmarks, read by a zod schema: every flag is a field of it. */

import { parseArgs } from 'node:util';
import { z } from 'zod';
import { QuickstepError } from '../src/errors.ts';

/** A number from 1 up. */
export const count = (initial: number, most = 64) =>
  z.coerce.number().int().min(1).max(most).default(initial);

/** Name of a results file, without folder and ending. */
export const resultsName = z
  .string()
  .regex(/^[\w.-]{1,80}$/)
  .optional();

const isBoolean = (schema: unknown) =>
  schema instanceof z.ZodDefault && schema.unwrap() instanceof z.ZodBoolean;

/**
 * Options of the command line; undefined for --help, which is printed.
 * @param command How the benchmark is started, for the hint of an error.
 * @throws QuickstepError 'bad-option'.
 */
export function parseOptions<S extends z.ZodObject>(schema: S, command: string): z.output<S> | undefined {
  const flags = Object.fromEntries(
    Object.entries(schema.shape).map(([name, field]) => [
      name,
      { type: isBoolean(field) ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const hint = `See ${command} -- --help.`;
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({ options: { ...flags, help: { type: 'boolean' } } }));
  } catch (cause) {
    throw new QuickstepError('bad-option', (cause as Error).message, hint, { cause });
  }
  if (values.help) {
    for (const [name, field] of Object.entries(schema.shape))
      console.log(`  --${name.padEnd(12)} ${(field as z.ZodType).description}`);
    return undefined;
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data as z.output<S>;
  const [issue] = parsed.error.issues;
  throw new QuickstepError('bad-option', `--${issue.path.join('.')}: ${issue.message}.`, hint);
}
