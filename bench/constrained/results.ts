/** The results file of the constrained benchmark. */

import { z } from 'zod';
import { median } from '../engines/engine.ts';
import { machineSchema } from '../this-machine.ts';

export const engines = ['quickstep', 'xgrammar', 'llama.cpp'] as const;
export const measures = ['compile', 'first mask', 'warm mask', 'free', 'constrained', 'one by one'] as const;

export const constrainedResultsFile = z.strictObject({
  date: z.iso.datetime(),
  machine: machineSchema,
  threads: z.int(),
  rounds: z.int(),
  versions: z.record(z.string(), z.string()),
  measurements: z.array(
    z.strictObject({
      engine: z.enum(engines),
      /** Schema. */
      case: z.string(),
      /** ms: of compiling, of a mask along a document for the first and second time, of a token of an answer. */
      measure: z.enum(measures),
      /** One for each round. */
      values: z.array(z.number()).min(1),
    }),
  ),
});

export type ConstrainedResults = z.output<typeof constrainedResultsFile>;

/** Median over the rounds; undefined where nothing was measured. */
export function medianOf(
  { measurements }: Pick<ConstrainedResults, 'measurements'>,
  engine: (typeof engines)[number],
  name: string,
  measure: (typeof measures)[number],
): number | undefined {
  const found = measurements.find((m) => m.engine === engine && m.case === name && m.measure === measure);
  return found && median(found.values);
}
