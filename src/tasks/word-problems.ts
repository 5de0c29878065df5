/** Arithmetic word problems with a chain of thought in GSM8K's style: one equation a line, then `#### answer`. */

import { Calculation } from './calculation.ts';
import { finalNumber } from './final-number.ts';
import { stories } from './stories.ts';
import type { Problem, Task } from './task.ts';

/** Steps of calculation and the largest number in them, by level. */
const shapes = [
  { least: 1, most: 2, limit: 99 },
  { least: 2, most: 3, limit: 99 },
  { least: 3, most: 4, limit: 999 },
  { least: 4, most: 5, limit: 999 },
] as const;

export const wordProblems: Task = {
  slug: 'word-problems',
  title: 'Word problems',
  summary: 'Arithmetic told as a story, solved step by step.',
  levels: [
    { level: 1, description: '1 or 2 steps, numbers to 99' },
    { level: 2, description: '2 or 3 steps, numbers to 99' },
    { level: 3, description: '3 or 4 steps, numbers to 999' },
    { level: 4, description: '4 or 5 steps, numbers to 999' },
  ],
  generate(random, level): Problem {
    const { least, most, limit } = shapes[level - 1];
    const steps = random.between(least, most);
    for (;;) {
      const calculation = new Calculation(random, limit);
      const prompt = random.pick(stories)(calculation, steps);
      if (prompt === undefined) continue;
      const equations = calculation.lines.join('\n');
      return { prompt, answer: `${equations}\n#### ${equations.slice(equations.lastIndexOf('=') + 1)}` };
    }
  },
  check({ answer: expected }, answer) {
    const number = finalNumber(answer);
    return number !== undefined && number === finalNumber(expected);
  },
};
