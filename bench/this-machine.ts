/** The machine a benchmark ran on, as its results file tells it. */

import { cpus } from 'node:os';
import { z } from 'zod';

export const machineSchema = z.strictObject({
  processor: z.string(),
  cores: z.int().positive(),
  platform: z.string(),
  node: z.string(),
  load: z
    .array(z.number())
    .describe('load average over a minute: before the run and after each of its parts'),
});

export function thisMachine(load: number[]): z.output<typeof machineSchema> {
  return {
    processor: cpus()[0].model.trim(),
    cores: cpus().length,
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    load,
  };
}
