/**
 * The problems of a task as an endless list: number i is a function of (task, level, split, seed, i), found
 * without making those before it. Problems of the other split are drawn again.
 */

import { QuickstepError } from '../errors.ts';
import { TaskRandom } from './random.ts';
import { hashText, type Split, splitOf } from './split.ts';
import type { Problem, Task } from './task.ts';

export interface ProblemOptions {
  readonly split: Split;
  /** Any safe integer. */
  readonly seed: number;
  /** Default 1, the easiest. */
  readonly level?: number;
}

/** An endless list of problems. */
export interface Problems extends Iterable<Problem> {
  /** Problem number `index`, from 0. */
  at(index: number): Problem;
}

/** Far beyond what chance needs; reached only by a generator that has run out of problems. */
const maxAttempts = 10_000;

/**
 * The problems of one task, level and split.
 * @throws QuickstepError 'bad-option' for a level the task does not have.
 */
export function problems(task: Task, { split, seed, level = 1 }: ProblemOptions): Problems {
  if (!task.levels.some((known) => known.level === level)) {
    const hint = `Levels: ${task.levels.map((known) => known.level).join(', ')}.`;
    throw new QuickstepError('bad-option', `The task ${task.slug} has no level ${level}.`, hint);
  }
  const random = new TaskRandom(seed, hashText(`${task.slug} ${level}`));
  const at = (index: number): Problem => {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      random.reset(index, attempt);
      const problem = task.generate(random, level);
      if (splitOf(problem.prompt) === split) return problem;
    }
    throw new Error(`${task.slug}, level ${level}: no ${split} problem in ${maxAttempts} tries`);
  };
  return {
    at,
    *[Symbol.iterator]() {
      for (let index = 0; ; index++) yield at(index);
    },
  };
}
