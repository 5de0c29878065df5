/** What a run has measured so far, on disk, so that one that was stopped goes on. */

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { type Decoding, type Measurement, optionsOf, type TaskLevel } from '../../src/tasks/measure.ts';

const file = z.strictObject({
  /** All that decides the outcomes. */
  settings: z.string(),
  measured: z.array(
    z.array(
      z.strictObject({
        outcomes: z.array(
          z.strictObject({
            correct: z.boolean(),
            steps: z.int(),
            forwards: z.int(),
            rows: z.int(),
            tokens: z.array(z.int()),
          }),
        ),
        seconds: z.number(),
      }),
    ),
  ),
});

/** All that outcomes and times depend on, as text to compare. */
export function settingsText(
  run: {
    models: readonly { id: string; digest: string }[];
    precision: string;
    threads: number;
    seed: number;
    batch: number;
  },
  tasks: readonly TaskLevel[],
  decodings: readonly Decoding[],
): string {
  const all = decodings.map((decoding) => [
    decoding.label,
    decoding.method,
    ...tasks.map((task) => optionsOf(decoding, task)),
  ]);
  return JSON.stringify({ ...run, tasks, all });
}

/** The measurements of a run with the same settings; undefined when there are none, or they cannot be read. */
export async function readPartial(
  path: string,
  settings: string,
  tasks: readonly TaskLevel[],
  decodings: readonly Decoding[],
): Promise<Measurement[] | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = file.safeParse(data);
  if (!parsed.success || parsed.data.settings !== settings) return undefined;
  const { measured } = parsed.data;
  return decodings.map((decoding, d) => ({
    decoding,
    tasks: tasks.map((task, t) => ({ task, ...measured[d][t] })),
  }));
}

/** Replaces the file in one step, so that a stop in between leaves the one before. */
export async function writePartial(
  path: string,
  settings: string,
  measurements: readonly Measurement[],
): Promise<void> {
  const measured = measurements.map(({ tasks }) =>
    tasks.map(({ outcomes, seconds }) => ({ outcomes, seconds })),
  );
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify({ settings, measured }));
  await rename(`${path}.new`, path);
}

export const removePartial = (path: string): Promise<void> => rm(path, { force: true });
