/** What a model is evaluated on: problems by number, from a task's test split or a data file in GSM8K's format. */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { finalNumber, lastNumber } from './final-number.ts';
import { TaskRandom } from './random.ts';
import { problems } from './sampler.ts';
import { hashText, type Split } from './split.ts';
import type { Problem, Task } from './task.ts';

export interface ProblemSet {
  /** Slug of the task or name of the file. */
  readonly name: string;
  /** null where problems have no levels. */
  readonly level: number | null;
  readonly seed: number;
  /** Number of problems; infinite for a task. */
  readonly size: number;
  at(index: number): Problem;
  check(problem: Problem, answer: string): boolean;
  /** Solved problems to show a model before, none of which is ever asked. */
  shots(count: number): Problem[];
}

export interface TaskProblemOptions {
  readonly seed: number;
  /** Default 1, the easiest. */
  readonly level?: number;
  /** Training problems are for choosing settings with. Default 'test'. */
  readonly split?: Split;
}

/**
 * Problems of a task, by default test problems. Shots are of the other split.
 * @throws QuickstepError 'bad-option' for a level the task does not have.
 */
export function taskProblems(
  task: Task,
  { seed, level = 1, split = 'test' }: TaskProblemOptions,
): ProblemSet {
  const asked = problems(task, { split, seed, level });
  const others = problems(task, { split: split === 'test' ? 'train' : 'test', seed, level });
  return {
    name: task.slug,
    level,
    seed,
    size: Infinity,
    at: (index) => asked.at(index),
    check: (problem, answer) => task.check(problem, answer),
    shots: (count) => Array.from({ length: count }, (_, index) => others.at(index)),
  };
}

/** Test problems of a task; see `taskProblems`. */
export function testProblems(task: Task, options: Omit<TaskProblemOptions, 'split'>): ProblemSet {
  return taskProblems(task, { ...options, split: 'test' });
}

const rowSchema = z.object({ question: z.string().min(1), answer: z.string() });

/** GSM8K has 1,319 rows; the shuffle's random numbers end at 2^16. */
const mostRows = 1 << 16;

function badLine(name: string, line: number, reason: string, cause?: unknown): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `${name}, line ${line}: ${reason}.`,
    'Each line is a JSON object with "question" and "answer", the answer ending in "#### number".',
    { cause },
  );
}

function parseRow(name: string, line: number, text: string): Problem {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badLine(name, line, 'it is not valid JSON', cause);
  }
  const row = rowSchema.safeParse(value);
  if (!row.success) {
    const [{ path, message }] = row.error.issues;
    throw badLine(name, line, `${path.length > 0 ? `"${path.join('.')}": ` : ''}${message}`);
  }
  const { question, answer } = row.data;
  if (finalNumber(answer) === undefined) throw badLine(name, line, 'the answer has no number after "####"');
  return { prompt: question, answer };
}

/**
 * Problems of a file in GSM8K's format: JSON Lines of `question` and `answer`, the answer ending in `#### number`. An
 * answer is right when its number is: the one after `####`, or else its last one, since models that were not trained on
 * the format leave the mark out. The seed says in which order the rows are asked; shots are the last ones.
 * @param name of the file, for messages and reports
 * @throws QuickstepError 'bad-file' naming the line, or when there are no rows or too many.
 */
export function fileProblems(text: string, name: string, { seed }: { seed: number }): ProblemSet {
  const rows = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .flatMap((line, index) => (line.trim() === '' ? [] : [parseRow(name, index + 1, line)]));
  if (rows.length === 0 || rows.length > mostRows) {
    throw new QuickstepError(
      'bad-file',
      `${name} has ${rows.length} problems.`,
      `A data file has from 1 to ${mostRows}, one a line.`,
    );
  }
  const random = new TaskRandom(seed, hashText(name));
  const shuffled = random.shuffle(rows);
  return {
    name,
    level: null,
    seed,
    size: rows.length,
    at: (index) => shuffled[index],
    check({ answer: expected }, answer) {
      const number = finalNumber(answer) ?? lastNumber(answer);
      return number !== undefined && number === finalNumber(expected);
    },
    shots: (count) => (count > 0 ? shuffled.slice(-count) : []),
  };
}
