/** What each checker accepts and refuses, and what each generator promises about its levels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { processorTime } from '../../test/support/processor-time.ts';
import { countdown } from './countdown.ts';
import { finalNumber } from './final-number.ts';
import { json } from './json.ts';
import { tasks } from './registry.ts';
import { problems } from './sampler.ts';
import { sorting } from './sorting.ts';
import { sudoku } from './sudoku.ts';
import { rewardOf, type Task } from './task.ts';
import { wordProblems } from './word-problems.ts';

const seeds = fc.maxSafeInteger();

function forAll(task: Task, level: number, check: (problem: { prompt: string; answer: string }) => void) {
  const source = (seed: number) => problems(task, { split: 'train', seed, level });
  fc.assert(
    fc.property(seeds, (seed) => check(source(seed).at(0))),
    { numRuns: 300 },
  );
}

describe('countdown', () => {
  const problem = { prompt: 'Use 3 7 8 to make 29.', answer: '7*3=21\n21+8=29' };

  it.each(['7*3=21\n21+8=29', '3*7=21\n8+21=29', ' 7*3=21 \n 21+8=29 '])('accepts %j', (answer) => {
    expect(countdown.check(problem, answer)).toBe(true);
  });

  it.each([
    ['a wrong sum', '7*3=21\n21+8=28'],
    ['a number used twice', '7*3=21\n7+8=15'],
    ['a number left out', '21+8=29'],
    ['a number that is not there', '7*4=28\n28+1=29'],
    ['another target', '7+3=10\n10+8=18'],
    ['words', '7*3=21\nso 21+8=29'],
    ['a negative result', '3-7=-4\n8-4=4'],
    ['more than asked', '7*3=21\n21+8=29\n29+0=29'],
  ])('refuses %s', (_, answer) => {
    expect(countdown.check(problem, answer)).toBe(false);
  });

  it('accepts exact divisions only', () => {
    const division = { prompt: 'Use 2 5 8 to make 9.', answer: '' };
    expect(countdown.check(division, '8/2=4\n4+5=9')).toBe(true);
    expect(countdown.check(division, '5/2=2\n2+8=10')).toBe(false);
    expect(countdown.check({ prompt: 'Use 0 1 4 to make 4.', answer: '' }, '4/0=0\n0+1=1')).toBe(false);
  });

  it.each([1, 2, 3, 4])('level %i has numbers in order, all in range', (level) => {
    const [count, largest] = [level < 3 ? 3 : 4, level % 2 === 1 ? 10 : 25];
    forAll(countdown, level, ({ prompt, answer }) => {
      const numbers = prompt.match(/\d+/g)!.map(Number);
      const target = numbers.pop()!;
      expect(numbers).toHaveLength(count);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(numbers[0]).toBeGreaterThanOrEqual(1);
      expect(numbers[count - 1]).toBeLessThanOrEqual(largest);
      expect(target).toBeGreaterThanOrEqual(1);
      expect(target).toBeLessThanOrEqual(99);
      for (const line of answer.split('\n')) {
        const [left, right] = line.split(/[-+*/=]/).map(Number);
        expect(left).toBeGreaterThanOrEqual(right);
      }
      if (level === 1) expect(answer).not.toContain('/');
    });
  });

  it('has one answer for one prompt', () => {
    const answers = new Map<string, string>();
    for (const seed of [1, 2]) {
      const source = problems(countdown, { split: 'train', seed, level: 1 });
      for (let index = 0; index < 3000; index++) {
        const { prompt, answer } = source.at(index);
        expect(answers.get(prompt) ?? answer).toBe(answer);
        answers.set(prompt, answer);
      }
    }
  });
});

describe('sudoku', () => {
  const problem = {
    prompt: 'Sudoku:\n12..\n34..\n21..\n43..',
    answer: '1234\n3412\n2143\n4321',
  };

  it('accepts any completion that keeps the givens', () => {
    expect(sudoku.check(problem, problem.answer)).toBe(true);
    expect(sudoku.check(problem, '1243\n3421\n2134\n4312')).toBe(true);
  });

  it.each([
    ['a changed given', '2134\n3412\n1243\n4321'],
    ['a full grid of other givens', '1234\n3412\n4321\n2143'],
    ['a column with a digit twice', '1234\n3412\n2134\n4321'],
    ['three rows', '1234\n3412\n2143'],
    ['blanks', '12..\n34..\n21..\n43..'],
  ])('refuses %s', (_, answer) => {
    expect(sudoku.check(problem, answer)).toBe(false);
  });

  it.each([
    [1, 4, 6],
    [2, 7, 8],
    [3, 9, 10],
  ])('level %i has %i to %i blanks and one solution', (level, least, most) => {
    forAll(sudoku, level, ({ prompt, answer }) => {
      const givens = prompt.slice('Sudoku:\n'.length).replaceAll('\n', '');
      const blanks = givens.replace(/\d/g, '').length;
      expect(blanks).toBeGreaterThanOrEqual(least);
      expect(blanks).toBeLessThanOrEqual(most);
      expect(solutionsOf([...givens].map((cell) => Number(cell) || 0))).toEqual([
        answer.replaceAll('\n', ''),
      ]);
    });
  });
});

/** Every completion of a 4 x 4 grid, by plain search. */
function solutionsOf(cells: number[]): string[] {
  const blank = cells.indexOf(0);
  if (blank === -1) return [cells.join('')];
  const [row, column] = [Math.floor(blank / 4), blank % 4];
  return [1, 2, 3, 4].flatMap((digit) => {
    const clash = cells.some((other, i) => {
      const [r, c] = [Math.floor(i / 4), i % 4];
      const sameBox =
        Math.floor(r / 2) === Math.floor(row / 2) && Math.floor(c / 2) === Math.floor(column / 2);
      return other === digit && (r === row || c === column || sameBox);
    });
    return clash ? [] : solutionsOf(cells.with(blank, digit));
  });
}

describe('word problems', () => {
  it.each([
    ['12+35=47\n#### 47', 47],
    ['#### 1,234', 1234],
    ['#### $1,234.50 in all', 1234.5],
    ['#### 3\nno, #### 4', 4],
    ['#### -7', -7],
    ['the answer is 47', undefined],
    ['####', undefined],
  ])('reads %j', (answer, expected) => {
    expect(finalNumber(answer)).toBe(expected);
  });

  it('takes linear time over a long answer', () => {
    const start = processorTime();
    finalNumber('#### '.repeat(100_000));
    finalNumber('#'.repeat(100_000));
    expect(processorTime() - start).toBeLessThan(1000);
  });

  it.each([
    [1, 1, 2, 99],
    [2, 2, 3, 99],
    [3, 3, 4, 999],
    [4, 4, 5, 999],
  ])('level %i has %i to %i steps and numbers to %i', (level, least, most, limit) => {
    forAll(wordProblems, level, ({ prompt, answer }) => {
      const lines = answer.split('\n');
      const final = lines.pop()!;
      expect(lines.length).toBeGreaterThanOrEqual(least);
      expect(lines.length).toBeLessThanOrEqual(most);
      const known = new Set(prompt.match(/\d+/g)!.map(Number));
      for (const line of lines) {
        const [, left, operation, right, value] = /^(\d+)([-+*/])(\d+)=(\d+)$/.exec(line)!;
        const [a, b, result] = [left, right, value].map(Number);
        const results = { '+': a + b, '-': a - b, '*': a * b, '/': a / b };
        expect(result).toBe(results[operation as keyof typeof results]);
        for (const number of [a, b, result]) expect(number).toBeLessThanOrEqual(limit);
        // 'half as many' is the only number that is a word.
        for (const number of [a, b])
          expect(known.has(number) || (number === 2 && /half/.test(prompt))).toBe(true);
        known.add(result);
      }
      expect(final).toBe(`#### ${lines[lines.length - 1].split('=')[1]}`);
      expect(prompt).not.toMatch(/[{}]|undefined|NaN/);
    });
  });
});

describe('json', () => {
  const problem = {
    prompt: '',
    answer: '{"name":"Mia","pets":["cat","dog"],"home":{"city":"Oslo"},"age":null}',
  };

  it('compares values, not texts', () => {
    const other = '{ "age": null, "home": {"city": "Oslo"}, "pets": ["cat", "dog"], "name": "Mia" }';
    expect(json.check(problem, other)).toBe(true);
  });

  it.each([
    ['a missing field', '{"name":"Mia","pets":["cat","dog"],"home":{"city":"Oslo"}}'],
    ['another order of a list', '{"name":"Mia","pets":["dog","cat"],"home":{"city":"Oslo"},"age":null}'],
    ['one field more', '{"name":"Mia","pets":["cat","dog"],"home":{"city":"Oslo"},"age":null,"a":1}'],
    ['text around it', `Here: ${problem.answer}`],
    ['a string for null', problem.answer.replace('null', '"null"')],
  ])('refuses %s', (_, answer) => {
    expect(json.check(problem, answer)).toBe(false);
  });

  it.each([
    [1, 2, 3],
    [2, 4, 5],
    [3, 3, 4],
  ])('level %i asks for %i to %i fields, in their order', (level, least, most) => {
    forAll(json, level, ({ prompt, answer }) => {
      const value = JSON.parse(answer) as Record<string, unknown>;
      const fields = Object.keys(value);
      expect(fields.length).toBeGreaterThanOrEqual(least);
      expect(fields.length).toBeLessThanOrEqual(most);
      const schema = prompt.slice(prompt.indexOf('JSON: ') + 6).replace(/ \{.*?\}/g, '');
      expect(schema).toBe(fields.join(', '));
      const special = Object.values(value).filter(
        (field) => typeof field !== 'string' && typeof field !== 'number',
      );
      expect(special).toHaveLength(level === 1 ? 0 : 1);
      if (level === 3) expect(Array.isArray(special[0])).toBe(false);
      expect(prompt).not.toMatch(/\{\}|undefined/);
    });
  });
});

describe('sorting', () => {
  it.each([
    ['Sort: 12 5 88', '5 12 88'],
    ['Sort down: 12 5 88', '88 12 5'],
    ['Reverse: 12 5 88', '88 5 12'],
  ])('%s', (prompt, answer) => {
    expect(sorting.check({ prompt, answer }, answer)).toBe(true);
    expect(sorting.check({ prompt, answer }, '12 5 88')).toBe(false);
  });

  it.each([1, 2, 3])('level %i does what is asked', (level) => {
    forAll(sorting, level, ({ prompt, answer }) => {
      const numbers = prompt.match(/\d+/g)!.map(Number);
      const orders: Record<string, () => number[]> = {
        Sort: () => numbers.toSorted((a, b) => a - b),
        'Sort down': () => numbers.toSorted((a, b) => b - a),
        Reverse: () => numbers.toReversed(),
      };
      expect(answer).toBe(orders[prompt.split(':')[0]]().join(' '));
    });
  });
});

describe('rewards', () => {
  const problem = { prompt: 'Use 3 7 8 to make 29.', answer: '7*3=21\n21+8=29' };

  it.each([
    ['7*3=21\n21+8=29', 1],
    ['3*7=21\n 8+21=29', 1],
    ['7*3=21\n21+8=28', 0.1],
    ['1+1=3\n9/9=9', 0.1],
    ['21+8=29', 0],
    ['7*3=21\n21+8=29\n29+0=29', 0],
    ['7*3=21\nso 29', 0],
    ['', 0],
  ])('of countdown for %j: %d', (answer, expected) => {
    expect(rewardOf(countdown, problem, answer)).toBe(expected);
  });

  it('of a sudoku are the share of blanks that are right', () => {
    const grid = { prompt: 'Sudoku:\n12..\n3412\n21.3\n432.', answer: '1234\n3412\n2143\n4321' };
    expect(rewardOf(sudoku, grid, grid.answer)).toBe(1);
    expect(rewardOf(sudoku, grid, '1243\n3412\n2143\n4321')).toBe(0.5);
    expect(rewardOf(sudoku, grid, '1243\n3412\n2113\n4324')).toBe(0);
    // What was given is none of it, though the grid is then wrong.
    expect(rewardOf(sudoku, grid, '2134\n3412\n2143\n4321')).toBe(1);
    expect(rewardOf(sudoku, grid, '1234\n3412\n2143')).toBe(0);
  });

  it('are from 0 to 1, and 1 for right answers, in every task', () => {
    for (const task of tasks.values()) {
      forAll(task, 1, (one) => {
        expect(rewardOf(task, one, one.answer)).toBe(1);
        expect(rewardOf(task, one, `${one.answer.slice(0, -1)}x`)).toBeLessThan(1);
      });
    }
  });
});
