/** The log of a run: log.jsonl in its folder, one line of JSON for each step. */

import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile, writeError } from '../weights/replace-file.ts';
import type { TrainingStep } from './trainer.ts';

/** Name of the log in a run's folder. */
export const logName = 'log.jsonl';

/** The fields that readers of a log count on; a line without them was cut off by a crash. */
const lineSchema = z.looseObject({
  step: z.int().min(1),
  loss: z.number(),
  learningRate: z.number(),
  seconds: z.number(),
});

function parseLine(line: string): TrainingStep | undefined {
  try {
    const value = JSON.parse(line);
    return lineSchema.safeParse(value).success ? (value as TrainingStep) : undefined;
  } catch {
    return undefined;
  }
}

/** The steps of a run's log in order, each once; none when there is no log. */
export async function readLog(folder: string): Promise<TrainingStep[]> {
  const text = await readFile(join(folder, logName), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const steps = new Map<number, TrainingStep>();
  for (const line of text.split('\n')) {
    const step = parseLine(line);
    if (step) steps.set(step.step, step);
  }
  return [...steps.values()].sort((a, b) => a.step - b.step);
}

const lineOf = (step: TrainingStep) => `${JSON.stringify(step)}\n`;

/** A log that steps are appended to. */
export class RunLog {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #steps: TrainingStep[];

  private constructor(path: string, handle: FileHandle, steps: TrainingStep[]) {
    this.#path = path;
    this.#handle = handle;
    this.#steps = steps;
  }

  /** Opens a run's log, without the steps beyond `done`: they will be done again. */
  static async open(folder: string, done: number): Promise<RunLog> {
    const path = join(folder, logName);
    const steps = (await readLog(folder)).filter(({ step }) => step <= done);
    try {
      await replaceFile(path, (handle) => handle.writeFile(steps.map(lineOf).join('')));
      return new RunLog(path, await open(path, 'a'), steps);
    } catch (error) {
      throw writeError(error, path);
    }
  }

  /** All steps of the run so far. */
  get steps(): readonly TrainingStep[] {
    return this.#steps;
  }

  /** @throws QuickstepError 'no-space' when the disk is full. */
  async append(step: TrainingStep): Promise<void> {
    try {
      await this.#handle.appendFile(lineOf(step));
    } catch (error) {
      throw writeError(error, this.#path);
    }
    this.#steps.push(step);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
