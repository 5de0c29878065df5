import { describe, expect, it } from 'vitest';
import { anyCodePoint } from '../automaton/code-points.ts';
import { follow, matcher } from '../testing/read-bytes.ts';
import { gbnfLanguage } from './gbnf.ts';

const arithmetic = `# left-recursive and ambiguous
root ::= sum
sum  ::= sum ("+" | "-") sum | product
product ::= product "*" atom | atom
atom ::= "-"? [0-9]{1,3} | "(" sum ")"
`;

describe('GBNF grammars', () => {
  it('hold the texts of their rules', () => {
    const matches = matcher(gbnfLanguage(arithmetic));
    for (const text of ['1', '12+3-4*5', '(1+(2))*-7', '1-2-3'])
      expect([text, matches(text)]).toEqual([text, true]);
    for (const text of ['', '1+', '1234', '(1', '--1', '1 + 2'])
      expect([text, matches(text)]).toEqual([text, false]);
  });

  it('know literals, escapes, classes, any character, groups, repetition and comments', () => {
    const cases: [string, string[], string[]][] = [
      ['root ::= "a\\n\\x41\\u00e9\\"" # text', ['a\nA\u00e9"'], ['a']],
      ['root ::= [^a-c\\]-]+', ['xyz', '\u{1F600}'], ['a', ']', '-', '']],
      ['root ::= ("x" | y){2,3}\ny ::= "yy" |', ['xx', 'xyyx', '', 'yyyy'], ['xxxx']],
      ['root ::= . "b"?', ['\u00e9', 'ab', '\n'], ['', 'bab']],
      ['root ::=\n  one\n  | two\none ::= "1"\n\ntwo ::= "2"', ['1', '2'], ['12']],
      ['root ::= a\na ::= a | b | "c"\nb ::= a "d"', ['c', 'cd', 'cdd'], ['d']],
      ['root ::= e e "x" e\ne ::= e? "y"?', ['x', 'yyxy'], ['y']],
    ];
    for (const [grammar, inside, outside] of cases) {
      const matches = matcher(gbnfLanguage(grammar));
      for (const text of inside) expect([grammar, text, matches(text)]).toEqual([grammar, text, true]);
      for (const text of outside) expect([grammar, text, matches(text)]).toEqual([grammar, text, false]);
    }
  });

  it('that are broken are refused with the line', () => {
    const broken = {
      'root ::= "a': 'Line 1',
      'root ::= "a"\nroot ::= "b"': 'Line 2',
      'root ::= (\n"a"': 'Line 2',
      'root ::= [b-a]': 'Line 1',
      'root ::= "\\q"': 'Line 1',
      'root ::= b': '"b"',
      'a ::= "a"': '"root"',
      hello: 'Line 1',
      'root ::= "a" }': 'Line 1',
      'root ::= "a"{3,2}': 'Line 1',
      [`root ::= ${'('.repeat(300)}`]: 'Line 1',
    };
    for (const [grammar, where] of Object.entries(broken)) {
      expect(() => gbnfLanguage(grammar).compile(anyCodePoint), grammar).toThrow(
        expect.objectContaining({ code: 'bad-option', message: expect.stringContaining(where) }),
      );
    }
    expect(() => gbnfLanguage('root ::= <think>').compile(anyCodePoint)).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
  });

  it('without a finite text are refused before the first token', () => {
    for (const grammar of [
      'root ::= "a" root',
      'root ::= root',
      'root ::= a\na ::= b "x"\nb ::= a',
      'root ::= []',
    ]) {
      expect(() => gbnfLanguage(grammar).compile(anyCodePoint), grammar).toThrow(
        expect.objectContaining({ code: 'bad-option', message: expect.stringContaining('no text') }),
      );
    }
  });

  it('of large classes, long names and rules that improve each other end in time', () => {
    const characters = Array.from({ length: 200_000 }, (_, i) => String.fromCodePoint(0x10000 + 2 * i));
    const matches = matcher(gbnfLanguage(`root ::= [${characters.join('')}]`));
    expect([matches('\u{10000}'), matches('\u{10001}')]).toEqual([true, false]);
    const name = 'n'.repeat(400);
    expect(matcher(gbnfLanguage(`root ::= ${name}\n${name} ::= "x"`))('x')).toBe(true);
    // Whichever way round they stand, each is as short as the next one, and that is known late.
    const count = 20_000;
    const rules = Array.from({ length: count }, (_, i) => `r${i} ::= r${i + 1} | "x"{${count - i}}`);
    for (const [order, outcome] of [
      [rules, 'read'],
      [rules.toReversed(), 'bad-option'],
    ] as const) {
      const language = gbnfLanguage(['root ::= r0', ...order, `r${count} ::= "x"`].join('\n'));
      let found = 'read';
      try {
        expect(language.compile(anyCodePoint).shortest).toBe(1);
      } catch (error) {
        found = (error as { code: string }).code;
      }
      expect(found).toBe(outcome);
    }
  });

  it('of many rules, deep recursion or many readings end in time', () => {
    const chain = (length: number, rest: string) => {
      const rules = Array.from({ length }, (_, i) => `r${i} ::= r${i + 1} ${rest}`);
      return gbnfLanguage(['root ::= r0', ...rules, `r${length} ::= "y"`].join('\n')).compile(anyCodePoint);
    };
    expect(follow(chain(20_000, ''), 'y')?.accepts).toBe(true);
    expect(() => follow(chain(3_000, '"x"?'), 'y')).toThrow(expect.objectContaining({ code: 'bad-option' }));
    const many = Array.from({ length: 20_000 }, (_, i) => `a${i}`);
    const optional = [`root ::= ${many.join(' ')}`, ...many.map((name) => `${name} ::= "x"?`)].join('\n');
    expect(() => follow(gbnfLanguage(optional).compile(anyCodePoint), 'x')).toThrow(
      expect.objectContaining({ code: 'bad-option' }),
    );
    const nested = gbnfLanguage('root ::= "(" root ")" | "x"').compile(anyCodePoint);
    expect(follow(nested, '('.repeat(3_000))?.shortest).toBe(3_001);
    const readings = gbnfLanguage('root ::= root root root | root root | "a"').compile(anyCodePoint);
    expect(follow(readings, 'a'.repeat(2_000))?.accepts).toBe(true);
  });
});
