/**
 * Sudoku on a 4 x 4 grid. There are 288 full grids, few enough to list: a puzzle has one solution when exactly one
 * of them agrees with its givens. Grids are 16 two-bit digits in one 32-bit number, first cell highest.
 */

import type { Problem, Task } from './task.ts';

const cells = 16;

/** Fewest and most blanks by level. */
const blanks = [
  { least: 4, most: 6 },
  { least: 7, most: 8 },
  { least: 9, most: 10 },
] as const;

const row = (cell: number): number => cell >> 2;
const column = (cell: number): number => cell & 3;
const box = (cell: number): number => ((cell >> 3) << 1) | ((cell >> 1) & 1);
const shiftOf = (cell: number): number => 2 * (cells - 1 - cell);

function sharesUnit(a: number, b: number): boolean {
  return row(a) === row(b) || column(a) === column(b) || box(a) === box(b);
}

/** Cells before each cell that may not hold the same digit. */
const earlierPeers: readonly (readonly number[])[] = Array.from({ length: cells }, (_, cell) =>
  Array.from({ length: cell }, (_, other) => other).filter((other) => sharesUnit(cell, other)),
);

function isValid(digits: readonly number[]): boolean {
  return digits.every((digit, cell) => earlierPeers[cell].every((other) => digits[other] !== digit));
}

/** All full grids, in the order of their digits. */
const allGrids: Int32Array = (() => {
  const grids: number[] = [];
  const digits: number[] = [];
  const fill = (packed: number): void => {
    const cell = digits.length;
    if (cell === cells) {
      grids.push(packed);
      return;
    }
    for (let digit = 0; digit < 4; digit++) {
      if (earlierPeers[cell].some((other) => digits[other] === digit)) continue;
      digits.push(digit);
      fill(packed | (digit << shiftOf(cell)));
      digits.pop();
    }
  };
  fill(0);
  return Int32Array.from(grids);
})();

/** @param mask 3 in each cell that is given */
function hasOneSolution(grid: number, mask: number): boolean {
  let solutions = 0;
  for (let i = 0; i < allGrids.length; i++) if (((allGrids[i] ^ grid) & mask) === 0) solutions++;
  return solutions === 1;
}

/** Rows of a grid, with '.' for cells that are not given. */
function rowsOf(grid: number, mask = -1): string {
  let text = '';
  for (let cell = 0; cell < cells; cell++) {
    if (cell > 0 && column(cell) === 0) text += '\n';
    const shift = shiftOf(cell);
    text += (mask >>> shift) & 3 ? String(((grid >>> shift) & 3) + 1) : '.';
  }
  return text;
}

const cellNumbers = Array.from({ length: cells }, (_, cell) => cell);
const heading = 'Sudoku:\n';

/** Digits of an answer; undefined when it is no grid. */
function digitsOf(answer: string): number[] | undefined {
  const text = answer.trim();
  if (!/^[1-4]{4}(\n[1-4]{4}){3}$/.test(text)) return undefined;
  return [...text.replaceAll('\n', '')].map(Number);
}

/** Cells of a problem, '.' where a digit is asked for. */
const givensOf = ({ prompt }: Problem): string => prompt.slice(heading.length).replaceAll('\n', '');

export const sudoku: Task = {
  slug: 'sudoku',
  title: 'Sudoku 4x4',
  summary: 'Fills the blanks of a 4 x 4 grid: each row, column and 2 x 2 box holds 1 to 4 once.',
  levels: [
    { level: 1, description: '4 to 6 blanks' },
    { level: 2, description: '7 or 8 blanks' },
    { level: 3, description: '9 or 10 blanks' },
  ],
  generate(random, level): Problem {
    const { least, most } = blanks[level - 1];
    const grid = allGrids[random.below(allGrids.length)];
    const count = random.between(least, most);
    for (;;) {
      let mask = -1;
      for (const cell of random.sample(cellNumbers, count)) mask ^= 3 << shiftOf(cell);
      if (hasOneSolution(grid, mask)) return { prompt: heading + rowsOf(grid, mask), answer: rowsOf(grid) };
    }
  },
  check(problem, answer) {
    const digits = digitsOf(answer);
    if (!digits) return false;
    const givens = givensOf(problem);
    return isValid(digits) && digits.every((digit, i) => givens[i] === '.' || givens[i] === String(digit));
  },
  /** Share of the blanks that are right. */
  reward(problem, answer) {
    const [digits, solution] = [digitsOf(answer), digitsOf(problem.answer)];
    if (!digits || !solution) return 0;
    const givens = givensOf(problem);
    const open = digits.filter((_, i) => givens[i] === '.');
    const wanted = solution.filter((_, i) => givens[i] === '.');
    return open.filter((digit, i) => digit === wanted[i]).length / wanted.length;
  },
};
