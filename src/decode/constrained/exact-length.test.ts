import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExactLength } from './exact-length.ts';
import { regexLanguage } from './regex/regex.ts';
import { vocabularyOf } from './testing/tokens.ts';
import { allows, TokenConstraint } from './token-constraint.ts';

const tokens = ['a', 'b', 'ab', 'ba', 'bb', 'aab'];
const vocabulary = vocabularyOf(tokens);

/** Whether texts match that begin so and go on with exactly `left` tokens. */
function completes(pattern: RegExp, text: string, left: number): boolean {
  if (left === 0) return pattern.test(text);
  return tokens.some((token) => completes(pattern, text + token, left - 1));
}

it('allows exactly the tokens from which a text of that many tokens can be made', () => {
  const sources = ['a*b', '(?:ab)+', 'a{2,4}b?', '(?:aab|b)*a', '[ab]{3}'];
  fc.assert(
    fc.property(
      fc.constantFrom(...sources),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat(99)),
      (source, length, choices) => {
        const pattern = new RegExp(`^(?:${source})$`);
        const exact = new ExactLength(new TokenConstraint(regexLanguage(source), vocabulary));
        expect(exact.fits(length)).toBe(completes(pattern, '', length));
        if (!exact.fits(length)) return;
        let [state, text] = [exact.start(), ''];
        for (let left = length; left > 0; left--) {
          const mask = state.mask(left);
          const ids = tokens.flatMap((_, id) => (allows(mask, id) ? [id] : []));
          const expected = tokens.flatMap((token, id) =>
            completes(pattern, text + token, left - 1) ? [id] : [],
          );
          expect([text, ids]).toEqual([text, expected]);
          expect(allows(mask, tokens.length)).toBe(false);
          const token = ids[(choices[left] ?? 0) % ids.length];
          [state, text] = [state.advance(token)!, text + tokens[token]];
        }
        expect(text).toMatch(pattern);
      },
    ),
  );
});

it('refuses languages that have no end of states', () => {
  const brackets = { compile: () => regexLanguage('a{3000}').compile([[97, 97]]) };
  expect(() => new ExactLength(new TokenConstraint(brackets, vocabulary))).toThrow(
    expect.objectContaining({ code: 'unsupported' }),
  );
});
