import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../../../errors.ts';
import { utf8 } from '../../../text/bytes.ts';
import type { ByteState } from '../language.ts';
import { build, type Grammar, grammars, judge } from '../testing/grammar-oracle.ts';
import { codePoints, complement, intersection, union, without } from './code-points.ts';
import { type Expression, Expressions } from './expression.ts';
import { automatonOf } from './pushdown.ts';
import { oneOf } from './sequences.ts';
import { character } from './utf8.ts';

const letters = 'ab';

const follow = (start: ByteState | undefined, text: string): ByteState | undefined =>
  Array.from(utf8(text)).reduce<ByteState | undefined>((state, byte) => state?.next(byte), start);

/** All texts over the letters, up to a length. */
function* texts(longest: number): Generator<string> {
  let level = [''];
  for (let length = 0; length <= longest; length++) {
    yield* level;
    level = level.flatMap((text) => Array.from(letters, (letter) => text + letter));
  }
}

function start(grammar: Grammar): ByteState | undefined {
  const { make, root } = build(grammar);
  try {
    return automatonOf(make, root, 'It');
  } catch (error) {
    if (!QuickstepError.isInstance(error)) throw error;
    return undefined;
  }
}

describe('the automaton of a grammar', () => {
  it('accepts what the grammar derives and follows what begins it, for every text', () => {
    fc.assert(
      fc.property(grammars(letters), (grammar) => {
        const root = start(grammar);
        expect(root !== undefined).toBe(judge(grammar, '').viable);
        for (const text of texts(5)) {
          const { member, viable } = judge(grammar, text);
          const state = follow(root, text);
          expect([text, state !== undefined, state?.accepts === true]).toEqual([text, viable, member]);
        }
      }),
      { numRuns: Number(process.env.QUICKSTEP_GRAMMARS ?? 40) },
    );
  });

  it('knows how far the end is, and that some byte leads nearer', () => {
    fc.assert(
      fc.property(grammars(letters), (grammar) => {
        const root = start(grammar);
        for (const text of texts(4)) {
          const state = follow(root, text);
          if (!state) continue;
          expect(state.accepts).toBe(state.shortest === 0);
          const nexts = Array.from(letters, (letter) => follow(state, letter)?.shortest ?? Infinity);
          if (!state.accepts) expect(Math.min(...nexts)).toBe(state.shortest - 1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('comes back to the same state in a list, however the recursion is written', () => {
    const item = { kind: 'text' as const, text: 'ab' };
    const call = { kind: 'call' as const, rule: 0 };
    for (const parts of [
      [call, item],
      [item, call],
    ]) {
      const root = start([{ kind: 'choice', parts: [item, { kind: 'sequence', parts }] }]);
      expect(follow(root, 'abab')!.key).toBe(follow(root, 'abababab')!.key);
    }
  });

  it('does not grow with the number of readings', () => {
    const call = { kind: 'call' as const, rule: 0 };
    const a = { kind: 'text' as const, text: 'a' };
    const b = { kind: 'text' as const, text: 'b' };
    for (const sum of [
      [call, call],
      [call, b, call],
    ]) {
      const root = start([{ kind: 'choice', parts: [a, { kind: 'sequence', parts: sum }] }]);
      const text = sum.length === 2 ? 'aa' : 'abab';
      expect(follow(root, text.repeat(500))!.key).toBe(follow(root, text)!.key);
    }
  });
});

describe('intersection and complement', () => {
  /** A random regular expression, as an expression and as a test. */
  const regular = (make: Expressions) => {
    type Pair = { e: Expression; matches: (text: string) => boolean };
    const literal = (text: string): Pair => ({ e: oneOf(make, [utf8(text)]), matches: (t) => t === text });
    const splits = (text: string, f: (a: string, b: string) => boolean) =>
      Array.from({ length: text.length + 1 }, (_, i) => f(text.slice(0, i), text.slice(i))).some(Boolean);
    const star = (body: Pair['matches'], text: string): boolean =>
      text === '' || splits(text, (a, b) => a !== '' && body(a) && star(body, b));
    return fc.letrec<{ pair: Pair }>((tie) => ({
      pair: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom('', 'a', 'b', 'ab', 'ba').map(literal),
        fc.tuple(tie('pair'), tie('pair')).map(
          ([x, y]): Pair => ({
            e: make.concat(x.e, y.e),
            matches: (text) => splits(text, (a, b) => x.matches(a) && y.matches(b)),
          }),
        ),
        fc.tuple(tie('pair'), tie('pair')).map(
          ([x, y]): Pair => ({
            e: make.choice(x.e, y.e),
            matches: (text) => x.matches(text) || y.matches(text),
          }),
        ),
        fc.tuple(tie('pair'), tie('pair')).map(
          ([x, y]): Pair => ({
            e: make.both(x.e, y.e),
            matches: (text) => x.matches(text) && y.matches(text),
          }),
        ),
        tie('pair').map((x): Pair => ({ e: make.not(x.e), matches: (text) => !x.matches(text) })),
        tie('pair').map(
          (x): Pair => ({
            e: make.repeat(x.e, 0, Number.POSITIVE_INFINITY),
            matches: (text) => star(x.matches, text),
          }),
        ),
      ),
    })).pair;
  };

  it('mean what sets mean, and never lead into a dead end', () => {
    const make = new Expressions();
    fc.assert(
      fc.property(regular(make), ({ e, matches }) => {
        let root: ByteState | undefined;
        try {
          root = automatonOf(make, e, 'It');
        } catch (error) {
          if (!QuickstepError.isInstance(error)) throw error;
        }
        for (const text of texts(5)) {
          const state = follow(root, text);
          expect([text, state?.accepts === true]).toEqual([text, matches(text)]);
          if (state && !state.accepts) {
            const nexts = Array.from({ length: 256 }, (_, byte) => state.next(byte)?.shortest ?? Infinity);
            expect(Math.min(...nexts)).toBe(state.shortest - 1);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('a choice of texts', () => {
  it('has these texts and no others, and follows their beginnings', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b') }), { minLength: 1 }), (listed) => {
        const make = new Expressions();
        const root = oneOf(make, listed.map(utf8));
        const start = automatonOf(make, root, 'The choice');
        for (const text of texts(5)) {
          const state = follow(start, text);
          const begins = listed.some((member) => member.startsWith(text));
          expect([text, state !== undefined, state?.accepts === true]).toEqual([
            text,
            begins,
            listed.includes(text),
          ]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is followed however long or deep it is', () => {
    const make = new Expressions();
    const long = 'x'.repeat(50_000);
    const nested = Array.from({ length: 1_500 }, (_, i) => 'y'.repeat(i + 1));
    const start = automatonOf(make, oneOf(make, [long, ...nested].map(utf8)), 'The choice');
    expect(start.shortest).toBe(1);
    expect(follow(start, 'x'.repeat(100))?.shortest).toBe(49_900);
    expect(follow(start, nested[99])?.accepts).toBe(true);
  });
});

describe('characters', () => {
  const range = fc
    .tuple(fc.nat(0x10ffff), fc.nat(0x10ffff))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const sets = fc.array(range, { maxLength: 4 }).map((ranges) => codePoints(...ranges));
  const has = (set: typeof sets extends fc.Arbitrary<infer T> ? T : never, code: number) =>
    set.some(([first, last]) => first <= code && code <= last);
  const isSurrogate = (code: number) => code >= 0xd800 && code <= 0xdfff;
  /** Code points at the edges of the sets and of UTF-8's lengths. */
  const edges = (...given: readonly (readonly (readonly [number, number])[])[]) =>
    [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff, ...given.flat(2)]
      .flatMap((code) => [code - 1, code, code + 1])
      .filter((code) => code >= 0 && code <= 0x10ffff && !isSurrogate(code));

  it('form sets', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        for (const code of edges(a, b)) {
          expect(has(union(a, b), code)).toBe(has(a, code) || has(b, code));
          expect(has(intersection(a, b), code)).toBe(has(a, code) && has(b, code));
          expect(has(without(a, b), code)).toBe(has(a, code) && !has(b, code));
          expect(has(complement(a), code)).toBe(!has(a, code));
        }
      }),
    );
  });

  it('are read in UTF-8, whole ones only', () => {
    fc.assert(
      fc.property(sets, (set) => {
        fc.pre(set.length > 0);
        const make = new Expressions();
        const root = automatonOf(make, character(make, set), 'It');
        for (const code of edges(set)) {
          const text = String.fromCodePoint(code);
          expect([code, follow(root, text)?.accepts === true]).toEqual([code, has(set, code)]);
        }
        for (const wrong of [0x80, 0xbf, 0xc0, 0xc1, 0xf5, 0xff]) expect(root.next(wrong)).toBeUndefined();
        expect(root.next(0xed)?.next(0xa0)).toBeUndefined();
      }),
    );
  });
});
