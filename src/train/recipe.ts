/** A recipe: how one model is made, from its seed to the files of a checkpoint. */

import type { ProgramOptions } from '../graph/session.ts';
import type { Parameters } from './parameters.ts';
import type { TrainingPlan } from './trainer.ts';

export interface RecipeOptions {
  seed: number;
  /** Number of updates; the recipe's own number when undefined. */
  steps?: number;
  /** The run's folder, where a recipe may keep what takes long to make before the first step. */
  folder?: string;
  /** How programs run. */
  runtime?: ProgramOptions;
  signal?: AbortSignal;
  /** Told of answers generated for training, before the first step. */
  onAnswers?(done: number, total: number): void;
}

/** A plan, and how its result is written. */
export interface RecipeRun {
  plan: TrainingPlan;
  /** Writes the trained model as a checkpoint folder that `load` reads. */
  save(folder: string, parameters: Parameters): Promise<void>;
}

export interface Recipe {
  /** Name on the command line; for house models also the model's. */
  readonly slug: string;
  readonly title: string;
  readonly summary: string;
  /** Seed of the checked-in model. */
  readonly seed: number;
  /** Updates of a short run that shows that the loss falls; at most a minute's worth. Default 30. */
  readonly smokeSteps?: number;
  prepare(options: RecipeOptions): Promise<RecipeRun>;
}

/** Declares a recipe: `export default defineRecipe({ ... })` is a file that `quickstep train` takes. */
export function defineRecipe(recipe: Recipe): Recipe {
  return recipe;
}
