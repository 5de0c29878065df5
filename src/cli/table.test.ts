import { describe, expect, it } from 'vitest';
import { tableLines } from './table.ts';

const head = [
  { title: 'name', flexible: true },
  { title: 'size', right: true },
];
const rows = [
  ['short', '1'],
  ['a rather long name', '1000'],
];

describe('tableLines', () => {
  it('aligns columns, numbers to the right', () => {
    expect(tableLines(head, rows)).toEqual([
      'name                size',
      'short                  1',
      'a rather long name  1000',
    ]);
  });

  it('cuts the flexible column to the terminal', () => {
    expect(tableLines(head, rows, 20)).toEqual([
      'name            size',
      'short              1',
      'a rather long…  1000',
    ]);
  });

  it('keeps the flexible column readable in a narrow terminal', () => {
    expect(tableLines(head, rows, 5)[2]).toBe('a rather lo…  1000');
  });
});
