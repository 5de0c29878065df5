/**
 * Countdown: reach a target with all the given numbers, each used once. The answer is one operation a line. Among all
 * derivations the canonical one comes first in a fixed order (line by line: + before - before * before /, larger
 * operands first), so that a model has one answer to learn. Intermediate results are positive.
 */

import type { TaskRandom } from './random.ts';
import type { Problem, Task } from './task.ts';

const operators = ['+', '-', '*', '/'] as const;
type Operator = (typeof operators)[number];

/** Numbers of a problem, the largest of them, and the operators allowed, by level. */
const shapes: readonly { count: number; largest: number; operators: readonly Operator[] }[] = [
  { count: 3, largest: 10, operators: ['+', '-', '*'] },
  { count: 3, largest: 25, operators },
  { count: 4, largest: 10, operators },
  { count: 4, largest: 25, operators },
];

const largestTarget = 99;
/** Keeps the lines of an answer short. */
const largestResult = 999;

/** The result of an operation, with the larger operand first; 0 when it is not allowed. */
function result(a: number, operator: Operator, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b <= largestResult ? a * b : 0;
    case '/':
      return a % b === 0 ? a / b : 0;
  }
}

/** `numbers` (descending) without entries i < j and with `value`, descending. */
function replaced(numbers: readonly number[], i: number, j: number, value: number): number[] {
  const rest: number[] = [];
  let placed = false;
  for (let k = 0; k < numbers.length; k++) {
    if (k === i || k === j) continue;
    if (!placed && numbers[k] < value) {
      rest.push(value);
      placed = true;
    }
    rest.push(numbers[k]);
  }
  if (!placed) rest.push(value);
  return rest;
}

/**
 * Lines of the canonical derivation, or undefined when there is none.
 * @param numbers descending
 */
function solve(
  numbers: readonly number[],
  target: number,
  allowed: readonly Operator[],
): string[] | undefined {
  const last = numbers.length === 2;
  for (const operator of allowed) {
    for (let i = 0; i < numbers.length - 1; i++) {
      for (let j = i + 1; j < numbers.length; j++) {
        const value = result(numbers[i], operator, numbers[j]);
        if (value === 0 || (last && value !== target)) continue;
        const rest = last ? [] : solve(replaced(numbers, i, j, value), target, allowed);
        if (rest) return [`${numbers[i]}${operator}${numbers[j]}=${value}`, ...rest];
      }
    }
  }
  return undefined;
}

/** What some derivation from all of `numbers` (descending) arrives at; 0 when it hits a wall. */
function randomTarget(random: TaskRandom, numbers: readonly number[], allowed: readonly Operator[]): number {
  let left = numbers;
  while (left.length > 1) {
    const i = random.below(left.length - 1);
    const j = random.between(i + 1, left.length - 1);
    const value = result(left[i], random.pick(allowed), left[j]);
    if (value === 0) return 0;
    left = replaced(left, i, j, value);
  }
  return left[0];
}

const descending = (a: number, b: number): number => b - a;
/** Reward of as many lines as it takes, each an operation, that are wrong. */
const formatReward = 0.1;
const line = /^(\d{1,4})([-+*/])(\d{1,4})=(\d{1,7})$/;

/** Takes `value` out of `numbers`; false when it is not there. */
function take(numbers: number[], value: number): boolean {
  const at = numbers.indexOf(value);
  if (at === -1) return false;
  numbers.splice(at, 1);
  return true;
}

/** Whether one line of an answer is right; its operands in `numbers` are replaced by its result. */
function apply(numbers: number[], text: string): boolean {
  const match = line.exec(text);
  if (!match) return false;
  const [left, right, value] = [match[1], match[3], match[4]].map(Number);
  if (!take(numbers, left) || !take(numbers, right)) return false;
  numbers.push(value);
  switch (match[2] as Operator) {
    case '+':
      return left + right === value;
    case '-':
      return left - right === value;
    case '*':
      return left * right === value;
    case '/':
      return right !== 0 && right * value === left;
  }
}

function asked(prompt: string): { numbers: number[]; target: number | undefined } {
  const numbers = prompt.match(/\d+/g)?.map(Number) ?? [];
  const target = numbers.pop();
  return { numbers, target };
}

const linesOf = (answer: string): string[] =>
  answer
    .trim()
    .split('\n')
    .map((text) => text.trim());

export const countdown: Task = {
  slug: 'countdown',
  title: 'Countdown',
  summary: 'Reaches a target with +, -, * and /, using every given number once.',
  levels: [
    { level: 1, description: '3 numbers from 1 to 10; +, - and *' },
    { level: 2, description: '3 numbers from 1 to 25; +, -, * and exact /' },
    { level: 3, description: '4 numbers from 1 to 10; +, -, * and exact /' },
    { level: 4, description: '4 numbers from 1 to 25; +, -, * and exact /' },
  ],
  generate(random, level): Problem {
    const shape = shapes[level - 1];
    for (;;) {
      const numbers = Array.from({ length: shape.count }, () => random.between(1, shape.largest));
      numbers.sort(descending);
      const target = randomTarget(random, numbers, shape.operators);
      if (target < 1 || target > largestTarget) continue;
      const lines = solve(numbers, target, shape.operators);
      if (!lines) throw new Error(`countdown: ${numbers} was derived to ${target} but not solved`);
      // In one order only: the same numbers in another would be the same problem on both sides of the split.
      return { prompt: `Use ${numbers.toReversed().join(' ')} to make ${target}.`, answer: lines.join('\n') };
    }
  },
  check({ prompt }, answer) {
    const { numbers, target } = asked(prompt);
    const lines = linesOf(answer);
    const steps = numbers.length - 1;
    return lines.length === steps && lines.every((text) => apply(numbers, text)) && numbers[0] === target;
  },
  reward(problem, answer) {
    if (countdown.check(problem, answer)) return 1;
    const lines = linesOf(answer);
    const isFormat = lines.length === asked(problem.prompt).numbers.length - 1;
    return isFormat && lines.every((text) => line.test(text)) ? formatReward : 0;
  },
};
