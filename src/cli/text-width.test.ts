import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pad, printable, textWidth, truncate, wrap } from './text-width.ts';

describe('textWidth', () => {
  it.each([
    ['abc', 3],
    ['日本', 4],
    ['한국', 4],
    ['e\u0301', 1],
    ['😀', 2],
    ['└─', 2],
    ['', 0],
  ])('of %j is %i', (text, width) => {
    expect(textWidth(text)).toBe(width);
  });
});

describe('truncate and pad', () => {
  it('never exceed the columns, and mark what is missing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, columns) => {
        const shown = truncate(text, columns);
        expect(textWidth(shown)).toBeLessThanOrEqual(columns);
        if (shown !== text) expect(shown.endsWith('…')).toBe(true);
        expect(textWidth(pad(shown, columns))).toBe(columns);
      }),
    );
  });

  it('put text to the right when asked', () => {
    expect(pad('7', 3, true)).toBe('  7');
  });
});

describe('wrap', () => {
  it('breaks at spaces only and loses no word', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1 }), (words) => {
        const lines = wrap(words.join(' '), 10);
        expect(lines.join(' ')).toBe(words.join(' '));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(10);
      }),
    );
  });
});

describe('printable', () => {
  it('leaves text alone and takes the power from control characters', () => {
    expect(printable('a\tb\nc é 日')).toBe('a\tb\nc é 日');
    expect(printable('\x1b[2J\x07\x7f\x9b')).toBe('␛[2J␇␡\ufffd');
  });
});
