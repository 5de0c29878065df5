/**
 * The training loop: gradients of a step's batches added up, clipped, one optimizer update, the moving average; then
 * a record of the step. Batches are a function of the step's number and all state is in the checkpoint, so a run
 * that was interrupted goes on to the very numbers of one that was not.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { QuickstepError } from '../errors.ts';
import type { ProgramOptions } from '../graph/session.ts';
import { MovingAverage } from './average.ts';
import { type RunIdentity, type RunState, restoreCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { accumulate, gradientNorm } from './gradients.ts';
import { firstNotFinite } from './not-finite.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import type { Parameter, Parameters } from './parameters.ts';
import { type Batch, type Gradients, type Objective, TrainingProgram } from './program.ts';
import type { Schedule } from './schedule.ts';

/** Everything a run is, before its first step. */
export interface TrainingPlan {
  /** Starting weights; changed in place. */
  parameters: ReadonlyMap<string, Parameter>;
  objective: Objective;
  /** Which weights are trained. Default: all that the objective reads. */
  trained?: (name: string) => boolean;
  /**
   * The batches of a step, from 1; their losses and gradients add up. Must depend on nothing but the step, the
   * parameters as they are and `state`.
   */
  batches(step: number): readonly Batch[] | Promise<readonly Batch[]>;
  /** What batches depend on beside the parameters and the step; changed in place by `batches`, kept in checkpoints. */
  state?: Parameters;
  steps: number;
  schedule: Schedule;
  optimizer(
    parameters: Parameters,
    trained: readonly string[],
    runtime: ProgramOptions,
  ): Optimizer | Promise<Optimizer>;
  /** Largest norm of a step's gradient. Default: no clipping. */
  clip?: number;
  /** Decay of the moving average of the weights. Default: none is kept. */
  average?: number;
}

export interface TrainingStep {
  step: number;
  steps: number;
  loss: number;
  metrics: Record<string, number>;
  learningRate: number;
  /** Before clipping. */
  gradientNorm: number;
  /** Wall time of the step. */
  seconds: number;
}

export interface TrainOptions extends ProgramOptions {
  identity: Omit<RunIdentity, 'steps'>;
  /** Where checkpoints are kept; without one the run lives in memory only. */
  folder?: string;
  /** Steps between checkpoints. Default 200. */
  saveEvery?: number;
  /** An abort saves a checkpoint and ends the run with the signal's reason. */
  signal?: AbortSignal;
}

/** Name of the checkpoint in a run's folder. */
export const checkpointName = 'checkpoint.safetensors';

/**
 * Trains, yielding a record of each step; goes on from the folder's checkpoint if there is one. Afterwards the plan's
 * parameters hold the result: the moving average, if the plan keeps one.
 * @throws QuickstepError 'not-finite' when loss or gradient are, naming the operator; the checkpoint stays as it was.
 */
export async function* train(
  plan: TrainingPlan,
  options: TrainOptions,
): AsyncGenerator<TrainingStep, void, void> {
  const { folder, saveEvery = 200, signal } = options;
  const shapes = new Map([...plan.parameters].map(([name, { shape }]) => [name, shape]));
  await using program = await TrainingProgram.load(shapes, plan.objective, plan.trained, options);
  const optimizer = await plan.optimizer(plan.parameters, program.trained, options);
  const average =
    plan.average === undefined
      ? undefined
      : new MovingAverage(plan.parameters, program.trained, plan.average);
  const state: RunState = {
    parameter: new Map(program.trained.map((name) => [name, plan.parameters.get(name)!])),
    optimizer: optimizer.state,
    average: average?.parameters ?? new Map(),
    plan: plan.state ?? new Map(),
  };
  const identity: RunIdentity = { ...options.identity, steps: plan.steps };
  const path = folder && join(folder, checkpointName);
  if (folder) await mkdir(folder, { recursive: true });
  const first = path ? (await restoreCheckpoint(path, identity, state)) + 1 : 1;
  let saved = first - 1;
  const save = async (step: number) => {
    if (!path || step === saved) return;
    await saveCheckpoint(path, identity, step, state);
    saved = step;
  };
  let done = saved;
  let isUpdating = false;
  try {
    for (let step = first; step <= plan.steps; step++) {
      signal?.throwIfAborted();
      const started = performance.now();
      const { loss, metrics, gradients } = await sumOfBatches(program, plan, step, options);
      const norm = gradientNorm(gradients);
      if (!Number.isFinite(loss) || !Number.isFinite(norm))
        await explainNotFinite(program, plan, step, options);
      const learningRate = plan.schedule(step);
      const scale = plan.clip === undefined ? 1 : Math.min(1, plan.clip / norm);
      isUpdating = true;
      await optimizer.update({ parameters: plan.parameters, gradients, step, learningRate, scale });
      average?.update(plan.parameters, step);
      isUpdating = false;
      done = step;
      const seconds = (performance.now() - started) / 1000;
      // Before the checkpoint, so that a log of the records never lacks a step that a checkpoint has.
      yield { step, steps: plan.steps, loss, metrics, learningRate, gradientNorm: norm, seconds };
      if (step % saveEvery === 0) await save(step);
    }
    await save(done);
    for (const [name, { data }] of state.average) plan.parameters.get(name)!.data.set(data);
  } finally {
    try {
      // Ctrl-C, an error of the caller's or a `break` must not lose what was trained; half an update is no state.
      if (!isUpdating) await save(done);
    } finally {
      await optimizer.dispose?.();
    }
  }
}

/** Loss, metrics and gradients of all batches of a step, added up. */
async function sumOfBatches(
  program: TrainingProgram,
  plan: TrainingPlan,
  step: number,
  { signal }: TrainOptions,
): Promise<Gradients> {
  const [first, ...rest] = await plan.batches(step);
  const sum = await program.run(plan.parameters, first);
  for (const batch of rest) {
    signal?.throwIfAborted();
    const { loss, metrics, gradients } = await program.run(plan.parameters, batch);
    sum.loss += loss;
    for (const name of Object.keys(sum.metrics)) sum.metrics[name] += metrics[name];
    accumulate(sum.gradients, gradients);
  }
  return sum;
}

async function explainNotFinite(
  program: TrainingProgram,
  plan: TrainingPlan,
  step: number,
  options: TrainOptions,
): Promise<never> {
  for (const batch of await plan.batches(step)) {
    const node = await firstNotFinite(program.graph, program.feeds(plan.parameters, batch), options);
    if (!node) continue;
    const hint = 'Lower the learning rate, clip gradients, or keep the operator away from its pole.';
    throw new QuickstepError('not-finite', `Step ${step}: a number stopped being finite in ${node}.`, hint);
  }
  throw new QuickstepError(
    'not-finite',
    `Step ${step}: the sum of the gradients is not finite.`,
    'Lower the learning rate.',
  );
}
