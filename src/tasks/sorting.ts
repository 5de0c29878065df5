/** Sorting and reversing short lists of numbers: the smallest task that needs every part of its input. */

import type { Problem, Task } from './task.ts';

const largest = 99;

/** Fewest and most numbers, and the orders asked for, by level. */
const shapes = [
  { least: 3, most: 6, orders: ['Sort', 'Reverse'] },
  { least: 7, most: 10, orders: ['Sort', 'Sort down', 'Reverse'] },
  { least: 11, most: 14, orders: ['Sort', 'Sort down', 'Reverse'] },
] as const;

type Order = (typeof shapes)[number]['orders'][number];

function ordered(numbers: readonly number[], order: Order): number[] {
  switch (order) {
    case 'Sort':
      return numbers.toSorted((a, b) => a - b);
    case 'Sort down':
      return numbers.toSorted((a, b) => b - a);
    case 'Reverse':
      return numbers.toReversed();
  }
}

export const sorting: Task = {
  slug: 'sorting',
  title: 'Sorting',
  summary: 'Puts a list of numbers from 0 to 99 into ascending, descending or reverse order.',
  levels: [
    { level: 1, description: '3 to 6 numbers, ascending or reversed' },
    { level: 2, description: '7 to 10 numbers, ascending, descending or reversed' },
    { level: 3, description: '11 to 14 numbers, ascending, descending or reversed' },
  ],
  generate(random, level): Problem {
    const { least, most, orders } = shapes[level - 1];
    const order = random.pick<Order>(orders);
    const numbers = Array.from({ length: random.between(least, most) }, () => random.between(0, largest));
    return { prompt: `${order}: ${numbers.join(' ')}`, answer: ordered(numbers, order).join(' ') };
  },
  check({ answer: expected }, answer) {
    return answer.trim() === expected;
  },
};
