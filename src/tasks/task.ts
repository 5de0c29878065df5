/**
 * What a task is: a generator of problems with one right answer text each, and a checker that decides whether any
 * other text is right as well. Generators are pure functions of their random numbers.
 */

import type { TaskRandom } from './random.ts';

/** One problem, complete in its prompt: checkers read nothing else but, where it is unique, the answer. */
export interface Problem {
  readonly prompt: string;
  /** The answer models are trained on; a function of the prompt. */
  readonly answer: string;
}

export interface Level {
  /** From 1; harder as it grows. */
  readonly level: number;
  readonly description: string;
}

export interface Task {
  /** Name on the command line and of its file. */
  readonly slug: string;
  readonly title: string;
  readonly summary: string;
  readonly levels: readonly Level[];
  /** @param level one of `levels` */
  generate(random: TaskRandom, level: number): Problem;
  /** Whether `answer` solves the problem; white space around it does not count. */
  check(problem: Problem, answer: string): boolean;
  /** How much an answer is worth, from 0 to 1, where a wrong one can be worth something; see `rewardOf`. */
  reward?(problem: Problem, answer: string): number;
}

/** Reward of an answer for reinforcement learning, from 0 to 1: the task's own, or 1 when it is right. */
export function rewardOf(task: Task, problem: Problem, answer: string): number {
  return task.reward?.(problem, answer) ?? (task.check(problem, answer) ? 1 : 0);
}
