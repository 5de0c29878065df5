/** All tasks by slug. A new task is one import and one entry here. */

import { QuickstepError } from '../errors.ts';
import { countdown } from './countdown.ts';
import { graphQuestions } from './graph-questions.ts';
import { json } from './json.ts';
import { sorting } from './sorting.ts';
import { sudoku } from './sudoku.ts';
import type { Task } from './task.ts';
import { wordProblems } from './word-problems.ts';

const all: readonly Task[] = [wordProblems, countdown, sudoku, json, sorting, graphQuestions];

export const tasks: ReadonlyMap<string, Task> = new Map(all.map((task) => [task.slug, task]));

/** @throws QuickstepError 'not-found' listing the tasks there are. */
export function findTask(slug: string): Task {
  const task = tasks.get(slug);
  if (task) return task;
  const hint = `Tasks: ${[...tasks.keys()].join(', ')}.`;
  throw new QuickstepError('not-found', `There is no task ${JSON.stringify(slug)}.`, hint);
}
