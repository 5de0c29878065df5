/** Masks that are put together from shared parts, against advancing over each token. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gbnfLanguage } from './gbnf/gbnf.ts';
import { jsonSchemaLanguage } from './json-schema/compile.ts';
import type { Language } from './language.ts';
import { regexLanguage } from './regex/regex.ts';
import { vocabularyOf } from './testing/tokens.ts';
import { allows, TokenConstraint } from './token-constraint.ts';

const everyByte = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
/** Tokens of all lengths, many of which end a string and go on. */
const pieces = ['a', 'aa', 'b', '"', '","', '":"', '"}', '\\n', 'é', 'ab"', ',"b":"', '1', '23'];
const long = [3, 5, 9, 12, 17, 30, 81].flatMap((length) => ['a'.repeat(length), `${'ab'.repeat(length)}"`]);
const tokens = [...everyByte, ...pieces.filter((piece) => piece.length > 1), ...long];
for (const first of pieces)
  for (const second of pieces) tokens.push(`${first}${second}a"`, `aaaa${first}${second}`);

const string = (maxLength?: number) => ({ type: 'string', ...(maxLength !== undefined && { maxLength }) });
const object = (properties: Record<string, unknown>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});
const languages: readonly Language[] = [
  jsonSchemaLanguage(object({ a: string(), b: string() })),
  jsonSchemaLanguage(object({ a: string(7), b: string(20), c: { type: 'integer', maximum: 300 } })),
  jsonSchemaLanguage({
    type: 'array',
    items: { anyOf: [string(40), object({ a: string(3) })] },
    maxItems: 12,
  }),
  regexLanguage('(?:a{2,90}"|b{0,10}")*(?:ab){3,40}'),
  gbnfLanguage('root ::= "\\"" text "\\"" | root "," root\ntext ::= [ab]* | "a" text "1"'),
];

it('are those of the tokens that lead on, near an end as well', () => {
  const vocabulary = vocabularyOf(tokens);
  const constraints = languages.map((language) => new TokenConstraint(language, vocabulary));
  fc.assert(
    fc.property(fc.nat(languages.length - 1), fc.array(fc.nat(9999), { maxLength: 14 }), (which, choices) => {
      let state = constraints[which].start();
      for (const choice of [...choices, 0]) {
        const nexts = tokens.map((_, token) => state.advance(token));
        for (const left of [Number.POSITIVE_INFINITY, 20, 12, 6]) {
          const mask = state.mask(left);
          const near = (token: number) => nexts[token] !== undefined && nexts[token].tokensToEnd <= left - 2;
          const some = tokens.some((_, token) => near(token)) || state.accepts;
          const expected = tokens.map((_, token) => (some ? near(token) : nexts[token] !== undefined));
          expect(tokens.map((_, token) => allows(mask, token))).toEqual(expected);
          expect(allows(mask, tokens.length)).toBe(state.accepts);
          const farthest = nexts.flatMap((next) => next?.tokensToEnd ?? []);
          if (left === Number.POSITIVE_INFINITY) expect(mask.farthest).toBe(Math.max(0, ...farthest));
        }
        const legal = nexts.flatMap((next) => next ?? []);
        if (legal.length === 0) return;
        state = legal[choice % legal.length];
      }
    }),
    { numRuns: 60 },
  );
});
