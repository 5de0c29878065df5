/** Proofs in which each problem has a prompt and a constraint of its own: several ways of answering, problem by problem. */

import { type GenerateOptions, generate, type Prompt, type Result } from '../decode/generate.ts';
import type { Outcome, TaskMeasurement } from '../tasks/measure.ts';
import { taskProblems } from '../tasks/problem-set.ts';
import { findTask } from '../tasks/registry.ts';
import type { Problem } from '../tasks/task.ts';
import type { Measurement, ProofContext } from './proof.ts';

/** A way of answering. */
export interface Arm {
  readonly label: string;
  readonly method: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** One problem of a level. */
export interface Asked {
  readonly problem: Problem;
  /** The problem `index` places behind the last one that is asked: material that nothing is measured on. */
  spare(index: number): Problem;
}

/** A request, and what else is to be noted of the answer. */
export interface ArmRequest {
  readonly prompt: Prompt;
  readonly options?: GenerateOptions;
  observe?(result: Result): void;
}

/**
 * Answers the proof's problems with every arm.
 * @param request What an arm asks of a problem.
 */
export async function measureArms<A extends Arm>(
  { model, tasks, seed, samples, split, signal, onProgress }: ProofContext,
  arms: readonly A[],
  request: (arm: A, asked: Asked, index: number) => ArmRequest,
): Promise<Measurement[]> {
  const outcomes = arms.map(() => tasks.map((): Outcome[] => []));
  const seconds = arms.map(() => tasks.map(() => 0));
  const total = tasks.length * samples;
  for (const [t, { task, level, maxTokens }] of tasks.entries()) {
    const set = taskProblems(findTask(task), { seed, level, split });
    for (let index = 0; index < samples; index++) {
      const asked: Asked = { problem: set.at(index), spare: (place) => set.at(samples + place) };
      for (const [a, arm] of arms.entries()) {
        onProgress?.(t * samples + index, total, arm.label);
        const { prompt, options, observe } = request(arm, asked, index);
        const { method, options: methodOptions = {} } = arm;
        const given = { method, methodOptions: { ...methodOptions }, maxTokens, signal, ...options };
        const result = await generate(model, prompt, given).result;
        const { text, steps, forwards, tokens, statistics } = result;
        const correct = set.check(asked.problem, text);
        outcomes[a][t].push({ correct, steps, forwards, rows: statistics.rows, tokens });
        seconds[a][t] += result.seconds;
        observe?.(result);
      }
    }
  }
  onProgress?.(total, total, '');
  return arms.map(({ label, method, options }, a) => ({
    decoding: { label, method, options },
    tasks: tasks.map(
      (task, t): TaskMeasurement => ({ task, outcomes: outcomes[a][t], seconds: seconds[a][t] }),
    ),
  }));
}
