import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { templateLanguage, templateRegex } from './template.ts';
import { matcher } from './testing/read-bytes.ts';

describe('a template', () => {
  it('holds texts with its places filled in, and no others', () => {
    const matches = matcher(templateLanguage('{"why": "[text]", "sure": [yes|no], "answer": [number]}'));
    expect(matches('{"why": "a\n\\"b, é", "sure": yes, "answer": -1.50}')).toBe(true);
    expect(matches('{"why": "", "sure": yes, "answer": 1}')).toBe(false);
    expect(matches('{"why": "a", "sure": maybe, "answer": 1}')).toBe(false);
    expect(matches('{"why": "a", "sure": no, "answer": 01}')).toBe(false);
    expect(matches('{"why": "a", "sure": no, "answer": 1}.')).toBe(false);
  });

  it('keeps lines, words and integers to what they are', () => {
    const matches = matcher(templateLanguage('[line]\n[word]: [integer]'));
    expect(matches('a b\nc: 10')).toBe(true);
    expect(matches('a\nb\nc: 10')).toBe(false);
    expect(matches('a\nb c: 10')).toBe(false);
    expect(matches('a\nb: 1.0')).toBe(false);
  });

  it('takes any text without brackets, and escaped brackets, as they are', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.string({ maxLength: 20 }),
        (text, other) => {
          const matches = matcher(templateLanguage(text.replace(/[[\]\\]/g, '\\$&')));
          expect(matches(text)).toBe(true);
          expect(matches(other)).toBe(other === text);
        },
      ),
    );
  });

  it('is laid out for a canvas where each place has a number of tokens', () => {
    const { parts } = templateLanguage('a[word:2]b[x|y]');
    expect(parts).toEqual([
      { text: 'a' },
      { place: expect.anything(), tokens: 2 },
      { text: 'b' },
      { choices: ['x', 'y'] },
    ]);
    expect(templateLanguage('a[word]b[x|y]').parts).toBeUndefined();
    expect(matcher(templateLanguage('a[word:2]b[x|y]'))('a--by')).toBe(true);
    expect(() => templateLanguage('[word] [word:2]')).toThrow(
      expect.objectContaining({ code: 'bad-option' }),
    );
  });

  it('refuses places that it does not know', () => {
    expect(() => templateRegex('[name]')).toThrow(expect.objectContaining({ code: 'bad-option' }));
    expect(() => templateRegex('[]')).toThrow(expect.objectContaining({ code: 'bad-option' }));
  });
});
