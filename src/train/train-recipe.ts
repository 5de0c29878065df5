/**
 * A recipe's run in a folder: checkpoint, log, curve and the model it makes. One process at a time works in a folder;
 * started again, it goes on from the checkpoint, and a finished run writes its model again.
 */

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QuickstepError } from '../errors.ts';
import type { ProgramOptions } from '../graph/session.ts';
import { tryLock } from '../weights/cache-folder-lock.ts';
import { writeError } from '../weights/replace-file.ts';
import { checkpointStep } from './checkpoint.ts';
import { curveName, curveSvg } from './curve.ts';
import { RunLog } from './log.ts';
import type { Recipe } from './recipe.ts';
import { checkpointName, type TrainingStep, train } from './trainer.ts';

/** Where a run begins. */
export interface RunStart {
  /** Steps that its checkpoint has done. */
  done: number;
  steps: number;
  /** The log of those steps. */
  log: readonly TrainingStep[];
}

export interface TrainRecipeOptions extends ProgramOptions {
  /** Where everything about the run is kept. */
  folder: string;
  /** Default: the recipe's. */
  seed?: number;
  /** Number of updates. Default: the recipe's. */
  steps?: number;
  /** Steps between checkpoints. Default 200. */
  saveEvery?: number;
  /** Trains a finished run once more, from its beginning. */
  again?: boolean;
  /** An abort saves checkpoint and curve, and ends the run with the signal's reason. */
  signal?: AbortSignal;
  /** Told of answers that a recipe generates to train on, before the run starts. */
  onAnswers?(done: number, total: number): void;
  /** Told once, before the first step. */
  onStart?(start: RunStart): void;
  /** Told of each step. */
  onStep?(step: TrainingStep): void;
}

export interface TrainedRecipe {
  recipe: string;
  seed: number;
  steps: number;
  /** Every step since the first, of interrupted runs too. */
  log: readonly TrainingStep[];
  /** Path of the model's folder. */
  model: string;
}

/** Name of the trained model in a run's folder. */
export const modelName = 'model';
/** Name of the lock in a run's folder. */
const lockName = 'lock';

async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, lockName);
  const lock = await tryLock(path).catch((error) => {
    throw writeError(error, path);
  });
  if (typeof lock === 'function') return lock;
  const who = lock ? `Process ${lock.pid} on ${lock.host}` : 'Another process';
  const hint = `Wait for it, or choose another --out folder. If it is gone, delete ${path}.`;
  throw new QuickstepError('busy', `${who} is training in ${folder}.`, hint);
}

/** Removes checkpoints that a killed process had not finished writing. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(`${checkpointName}.`) && name.endsWith('.tmp'))
      await rm(join(folder, name), { force: true });
}

/**
 * Trains a recipe in a folder and writes its model there.
 * @throws QuickstepError 'busy' when another process works in the folder, 'bad-option' when it holds another run,
 * 'no-space' when the disk is full (the last checkpoint is then still there), and what `train` throws; the signal's
 * reason when aborted.
 */
export async function trainRecipe(recipe: Recipe, options: TrainRecipeOptions): Promise<TrainedRecipe> {
  const { folder, seed = recipe.seed, steps: wanted, again = false, ...more } = options;
  const { onAnswers, onStart, onStep, ...rest } = more;
  const unlock = await lockFolder(folder);
  try {
    await removeLeftovers(folder);
    const { plan, save } = await recipe.prepare({
      seed,
      steps: wanted,
      folder,
      runtime: rest,
      signal: rest.signal,
      onAnswers,
    });
    const { steps } = plan;
    const identity = { recipe: recipe.slug, seed, steps };
    const checkpoint = join(folder, checkpointName);
    let done = await checkpointStep(checkpoint, identity);
    if (again && done === steps) {
      await rm(checkpoint);
      done = 0;
    }
    const log = await RunLog.open(folder, done);
    try {
      onStart?.({ done, steps, log: [...log.steps] });
      for await (const step of train(plan, { ...rest, folder, identity })) {
        await log.append(step);
        onStep?.(step);
      }
    } catch (error) {
      // What ended the run matters more than a picture that could not be written.
      await writeCurve(folder, identity, log.steps).catch(() => undefined);
      throw error;
    } finally {
      await log.close();
    }
    const model = join(folder, modelName);
    await mkdir(model, { recursive: true });
    await save(model, plan.parameters);
    await writeCurve(folder, identity, log.steps);
    return { ...identity, log: log.steps, model };
  } finally {
    await unlock();
  }
}

async function writeCurve(
  folder: string,
  { recipe, seed, steps }: { recipe: string; seed: number; steps: number },
  log: readonly TrainingStep[],
): Promise<void> {
  const path = join(folder, curveName);
  const stopped = log.length < steps ? `${log.length} of ` : '';
  const title = `${recipe}, seed ${seed}, ${stopped}${steps} steps`;
  await writeFile(path, curveSvg(log, title)).catch((error) => {
    throw writeError(error, path);
  });
}
