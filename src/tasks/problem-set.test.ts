import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../errors.ts';
import { lastNumber } from './final-number.ts';
import { fileProblems, testProblems } from './problem-set.ts';
import { findTask } from './registry.ts';
import { splitOf } from './split.ts';

const row = (question: string, answer: string) => JSON.stringify({ question, answer });
const rows = Array.from({ length: 20 }, (_, i) =>
  row(`Question ${i}?`, `<<${i}+1=${i + 1}>>\n#### ${i + 1}`),
);

function failure(text: string): QuickstepError {
  try {
    fileProblems(text, 'data', { seed: 0 });
  } catch (error) {
    if (QuickstepError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('fileProblems', () => {
  it('asks every row once, in an order of the seed', () => {
    const order = (seed: number) => {
      const set = fileProblems(rows.join('\n'), 'data', { seed });
      return Array.from({ length: set.size }, (_, index) => set.at(index).prompt);
    };
    expect(order(1).toSorted()).toEqual(rows.map((line) => JSON.parse(line).question).toSorted());
    expect(order(1)).toEqual(order(1));
    expect(order(1)).not.toEqual(order(2));
  });

  it('reads line breaks of any system, empty lines and a byte order mark', () => {
    expect(fileProblems(`\uFEFF${rows[0]}\r\n\r\n${rows[1]}\n\n`, 'data', { seed: 0 }).size).toBe(2);
  });

  it('takes further fields', () => {
    const line = JSON.stringify({ question: 'Q', answer: '#### 1', source: 'x' });
    expect(fileProblems(line, 'data', { seed: 0 }).at(0)).toEqual({ prompt: 'Q', answer: '#### 1' });
  });

  it.each([
    ['12+35=47\n#### 70000', true],
    ['#### 70,000', true],
    ['#### $70,000.00', true],
    ['So the profit is $70,000.', true],
    ['It is 70000, not 3.', false],
    ['#### 3, or 70000', false],
    ['####', false],
    ['no idea', false],
    ['', false],
  ])('takes %j as %s', (answer, expected) => {
    const set = fileProblems(row('How much?', 'long\n#### 70,000'), 'data', { seed: 0 });
    expect(set.check(set.at(0), answer)).toBe(expected);
  });

  it('keeps shots away from questions', () => {
    const set = fileProblems(rows.join('\n'), 'data', { seed: 0 });
    const shown = set.shots(3).map(({ prompt }) => prompt);
    const asked = Array.from({ length: set.size - 3 }, (_, index) => set.at(index).prompt);
    expect(shown).toHaveLength(3);
    expect(asked.filter((prompt) => shown.includes(prompt))).toEqual([]);
    expect(set.shots(0)).toEqual([]);
  });

  it.each([
    ['what is no JSON', '{"question": "Q"', /^data, line 3: it is not valid JSON\./],
    ['what is no object', '[1]', /^data, line 3: /],
    ['a missing field', '{"question": "Q"}', /^data, line 3: "answer": /],
    ['an empty question', row('', '#### 1'), /^data, line 3: "question": /],
    [
      'an answer without its number',
      row('Q', '47'),
      /^data, line 3: the answer has no number after "####"\./,
    ],
  ])('names the line of %s', (_, line, message) => {
    const error = failure([rows[0], '', line, rows[1]].join('\n'));
    expect(error.code).toBe('bad-file');
    expect(error.message).toMatch(message);
  });

  it.each(['', '\n \n'])('refuses a file without problems: %j', (text) => {
    expect(failure(text)).toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('has 0 problems'),
    });
  });
});

describe('lastNumber', () => {
  it.each([
    ['from 3 to 1,234.5.', 1234.5],
    ['5 - -7', -7],
    ['none', undefined],
  ])('reads %j', (text, expected) => {
    expect(lastNumber(text)).toBe(expected);
  });
});

describe('testProblems', () => {
  it('asks test problems after training ones', () => {
    const set = testProblems(findTask('countdown'), { seed: 4, level: 2 });
    expect(set).toMatchObject({ name: 'countdown', level: 2, seed: 4, size: Infinity });
    expect(splitOf(set.at(7).prompt)).toBe('test');
    expect(set.shots(4).map(({ prompt }) => splitOf(prompt))).toEqual(Array(4).fill('train'));
    expect(set.check(set.at(0), set.at(0).answer)).toBe(true);
  });
});
