import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../../../errors.ts';
import { anyCodePoint, codePoints } from '../automaton/code-points.ts';
import { follow, matcher } from '../testing/read-bytes.ts';
import { regexLanguage } from './regex.ts';

/** Expressions, and texts worth trying on all of them. */
const sources = [
  'a|bc*',
  '(?:ab)+?c{2,3}',
  '[a-c]{0,3}[^a-c]',
  '\\d+(?:\\.\\d*)?',
  '\\w+@\\w+\\.com',
  '.?é.',
  '[\\u{1F600}-\\u{1F64F}]|\\u00e9|\\uD83D\\uDE00',
  '\\p{Lu}\\p{Ll}*',
  '[^\\s"]*',
  '(?<year>[12]\\d{3})-(0[1-9]|1[0-2])',
  '^(a|b)$',
  '^a$|^b',
  '(?!ab)[ab]{2}',
  '(?=.*\\d)[a-z\\d]{2,4}',
  '(?=[^]*1)(?=^[ab]|^c)(?!^aa)[^]*',
  '',
  '[]a]',
  '[\\-a]|\\/|\\.',
  '\\x41\\cA?\\t',
  '(a*)*b',
  '((a?){3}){2}',
];
const pieces = [
  'a',
  'b',
  'c',
  'ab',
  'cc',
  'x',
  'é',
  '😀',
  'É',
  '1',
  '0',
  '.',
  '-',
  '@',
  '"',
  ' ',
  '\n',
  '2019-12',
  'A',
  '\t',
  '/',
  'q.com',
];

describe('regular expressions', () => {
  it('with a class of tens of thousands of characters are read in time', () => {
    const characters = Array.from({ length: 49_000 }, (_, i) => String.fromCodePoint(0x10000 + 2 * i));
    const matches = matcher(regexLanguage(`[${characters.join('')}]`));
    expect([matches('\u{10000}'), matches('\u{10001}')]).toEqual([true, false]);
  });

  it("match what JavaScript's match as a whole", () => {
    const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 5 }).map((parts) => parts.join(''));
    for (const source of sources.filter((source) => source !== '[]a]')) {
      const pattern = new RegExp(`^(?:${source})$`, 'u');
      const matches = matcher(regexLanguage(source));
      fc.assert(
        fc.property(texts, (text) => {
          expect([source, text, matches(text)]).toEqual([source, text, pattern.test(text)]);
        }),
        { numRuns: 150 },
      );
    }
  });

  it('say what is broken', () => {
    for (const source of [
      '(a',
      'a)',
      '[a',
      'a{3,1}',
      '*a',
      'a**',
      '\\',
      '[b-a]',
      'a{2000000}',
      ['', 'gc=', 'General_Category=']
        .flatMap((key) =>
          'L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P S Z C'.split(' ').map((name) => key + name),
        )
        .map((name) => `\\p{${name}}`)
        .join(''),
      '(?:'.repeat(300),
    ]) {
      expect(() => regexLanguage(source), source).toThrow(expect.objectContaining({ code: 'bad-option' }));
    }
    expect(() => regexLanguage('a'.repeat(200_000))).toThrow(expect.objectContaining({ code: 'bad-option' }));
  });

  it('name what is not supported', () => {
    const unsupported = {
      '(a)\\1': 'backreferences',
      '(?<=a)b': 'lookbehind',
      'a\\b': '\\b',
      '(?i:a)': '(?i:',
      '\\p{Foo}': 'Foo',
    };
    for (const [source, name] of Object.entries(unsupported)) {
      expect(() => regexLanguage(source)).toThrow(
        expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(name) }),
      );
    }
    for (const source of ['(a^b)*', 'a(?=^b)b', '(?=a(?=^b))a*']) {
      expect(() => regexLanguage(source).compile(anyCodePoint), source).toThrow(
        expect.objectContaining({ code: 'unsupported' }),
      );
    }
  });

  it('are refused before the first token when nothing matches', () => {
    const ascii = codePoints([0, 0x7f]);
    for (const source of ['[]', 'a[]', '(?!a)a', 'é+']) {
      expect(() => regexLanguage(source).compile(ascii), source).toThrow(QuickstepError);
    }
    expect(matcher(regexLanguage('é|e'), ascii)('e')).toBe(true);
  });

  it('take time in proportion to the text, whatever they are', () => {
    const hostile = [
      '(a*)*b',
      '(a|a)*b',
      '(a|b)*a(a|b){20}b?',
      '(a+a+)+b',
      '(.*)*x',
      '(((a{0,100}){0,100}){0,100}){0,100}b',
      '.{0,60000}b',
      '(?=(a|b)*a(a|b){12}c)[abc]*',
    ];
    for (const source of hostile) {
      for (const text of ['a'.repeat(300), 'ab'.repeat(150)]) {
        try {
          follow(regexLanguage(source).compile(anyCodePoint), text);
        } catch (error) {
          expect(error).toMatchObject({
            code: 'bad-option',
            message: expect.stringContaining('too complex'),
          });
        }
      }
    }
  });
});
