import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../../errors.ts';
import { utf8 } from '../../text/bytes.ts';
import { automatonOf } from './automaton/pushdown.ts';
import { regexLanguage } from './regex/regex.ts';
import { build, grammars, judge } from './testing/grammar-oracle.ts';
import { vocabularyOf } from './testing/tokens.ts';
import { allows, TokenConstraint, type TokenState } from './token-constraint.ts';

const everyByte = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
const idsOf = (state: TokenState, size: number) =>
  Array.from({ length: size }, (_, id) => id).filter((id) => allows(state.mask(), id));

describe('masks', () => {
  it('hold exactly the tokens after which the text can be completed', () => {
    const piece = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 3 });
    const given = fc.tuple(
      grammars('ab'),
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat(1000), { maxLength: 4 }),
    );
    fc.assert(
      fc.property(given, ([grammar, pieces, choices]) => {
        const tokens = ['a', 'b', ...pieces];
        const vocabulary = vocabularyOf(tokens);
        const { make, root } = build(grammar);
        let constraint: TokenConstraint;
        try {
          constraint = new TokenConstraint({ compile: () => automatonOf(make, root, 'It') }, vocabulary);
        } catch (error) {
          expect(error).toBeInstanceOf(QuickstepError);
          expect(judge(grammar, '').viable).toBe(false);
          return;
        }
        let state = constraint.start();
        let text = '';
        for (const choice of [...choices, 0]) {
          const expected = tokens.flatMap((token, id) => (judge(grammar, text + token).viable ? [id] : []));
          if (judge(grammar, text).member) expected.push(tokens.length);
          const ids = idsOf(state, tokens.length + 1);
          expect([text, ids]).toEqual([text, expected]);
          const token = ids[choice % ids.length];
          for (const id of tokens.keys()) expect(state.advance(id) !== undefined).toBe(expected.includes(id));
          if (token === tokens.length) return;
          // Advancing a fork changes nothing here.
          const next = state.advance(token)!;
          expect(idsOf(state, tokens.length + 1)).toEqual(expected);
          [state, text] = [next, text + tokens[token]];
        }
      }),
      { numRuns: Number(process.env.QUICKSTEP_GRAMMARS ?? 60) },
    );
  });

  it('lead to an end that fits, from any state and by any way they leave', () => {
    const vocabulary = vocabularyOf([...everyByte, 'ab', 'abc', '", "', 'cc']);
    const constraint = new TokenConstraint(regexLanguage('\\["[abc]*"(?:, "[abc]{2,}")*\\]'), vocabulary);
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { maxLength: 40 }),
        fc.integer({ min: 6, max: 40 }),
        (choices, limit) => {
          let state = constraint.start();
          for (let used = 0; ; used++) {
            const mask = state.mask(limit - used);
            const ids = Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) =>
              allows(mask, id),
            );
            const token = ids[(choices[used] ?? 0) % ids.length];
            expect(used).toBeLessThan(limit);
            if (vocabulary.endIds.includes(token)) return;
            state = state.advance(token)!;
          }
        },
      ),
    );
  });

  it('are those of the very counts, though one is kept for many of them', () => {
    const vocabulary = vocabularyOf([...everyByte, 'ab', 'abc', 'aaaa', 'bc', 'cccc', 'é', 'a,a,']);
    const sources = [
      '[ab]{0,30}c{2,9}',
      '(?:a|bc?){3,25}',
      '(?:é{1,12},){0,20}c',
      'a{0,9}(?:b{2,8}|c{12})',
      '(?:a{0,7},){0,15}',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...sources),
        fc.array(fc.nat(1000), { minLength: 30 }),
        (source, choices) => {
          const constraint = new TokenConstraint(regexLanguage(source), vocabulary);
          let state = constraint.start();
          for (const choice of choices) {
            const ids = idsOf(state, vocabulary.size);
            const legal = [...vocabulary.tokens].filter((id) => state.advance(id)).sort((a, b) => a - b);
            expect(ids).toEqual(state.accepts ? [...legal, ...vocabulary.endIds] : legal);
            // Longer tokens first, to come near the counts.
            const next = legal[legal.length - 1 - (choice % Math.min(4, legal.length))];
            if (next === undefined) return;
            expect(state.mask().farthest).toBeGreaterThanOrEqual(state.advance(next)!.tokensToEnd);
            state = state.advance(next)!;
          }
        },
      ),
    );
  });

  it('never allow tokens without text, nor those that no byte follows', () => {
    const partial = vocabularyOf(['a', 'é', 'aé', 'éb', Uint8Array.of(0xc3), 'ö', '']);
    const ids = (source: string) => idsOf(new TokenConstraint(regexLanguage(source), partial).start(), 8);
    expect(ids('[aéö]+')).toEqual([0, 1, 2, 5]);
    expect(() => new TokenConstraint(regexLanguage('ü'), partial)).toThrow(QuickstepError);
  });

  it('allow all characters whose bytes are tokens, also where some bytes are none', () => {
    const bytes = everyByte.filter((byte) => byte[0] !== 0x04 && byte[0] !== 0xf1);
    const vocabulary = vocabularyOf([
      ...bytes,
      ' ↑',
      Uint8Array.of(0x20, 0xe2, 0x86),
      '\u{40000}',
      Uint8Array.of(0x61, 0xf1),
    ]);
    const ids = idsOf(new TokenConstraint(regexLanguage('[^]*'), vocabulary).start(), vocabulary.size);
    const [arrow, cut, rare, partial, end] = [254, 255, 256, 257, 258];
    expect([arrow, cut, rare, end].every((id) => ids.includes(id))).toBe(true);
    // Behind it only the second half of a token could follow.
    expect(ids).not.toContain(partial);
    expect(() => new TokenConstraint(regexLanguage('\\x04|\\u{40001}'), vocabulary)).toThrow(QuickstepError);
    const one = new TokenConstraint(regexLanguage('\\u{40000}|x'), vocabulary).start();
    expect(idsOf(one, vocabulary.size)).toEqual([bytes.findIndex(([byte]) => byte === 0x78), rare]);
  });

  it('follow characters through tokens that cut them', () => {
    const start = new TokenConstraint(regexLanguage('(é|😀)b'), vocabularyOf(everyByte)).start();
    let state: TokenState | undefined = start;
    for (const byte of utf8('😀')) state = state?.advance(byte);
    expect(idsOf(state!, 257)).toEqual(['b'.charCodeAt(0)]);
    expect(start.advance(0xa9)).toBeUndefined();
  });
});

describe('forced bytes', () => {
  it('are what all completions begin with', () => {
    const forced = (source: string, prefix = '') => {
      let state = new TokenConstraint(regexLanguage(source), vocabularyOf(everyByte)).start();
      for (const byte of utf8(prefix)) state = state.advance(byte)!;
      return Buffer.from(state.forced()).toString();
    };
    expect(forced('abc(d|e)')).toBe('abc');
    expect(forced('ab?')).toBe('a');
    expect(forced('(ab|ac)d', 'ab')).toBe('d');
    expect(forced('ü|ö')).toBe(Buffer.from([0xc3]).toString());
  });
});
