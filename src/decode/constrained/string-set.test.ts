import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyCodePoint, codePoints } from './automaton/code-points.ts';
import { growingStrings } from './growing-strings.ts';
import { stringSet } from './string-set.ts';
import { follow, matcher } from './testing/read-bytes.ts';

describe('a string set', () => {
  it('holds its texts, follows their beginnings, and knows the way to the nearest end', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 4 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(texts, fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 5 }), (set, text) => {
        const state = follow(stringSet(set).compile(anyCodePoint), text);
        const ends = set.filter((member) => member.startsWith(text));
        expect(state !== undefined).toBe(ends.length > 0);
        if (!state) return;
        expect(state.accepts).toBe(set.includes(text));
        const bytes = (s: string) => Buffer.byteLength(s);
        expect(state.shortest).toBe(Math.min(...ends.map((end) => bytes(end) - bytes(text))));
      }),
    );
  });

  it('leaves out what the vocabulary cannot write, and refuses to be empty', () => {
    const ascii = codePoints([0, 0x7f]);
    expect(matcher(stringSet(['é', 'e']), ascii)('é')).toBe(false);
    expect(() => stringSet(['é']).compile(ascii)).toThrow(expect.objectContaining({ code: 'bad-option' }));
    expect(() => stringSet([])).toThrow(expect.objectContaining({ code: 'bad-option' }));
  });
});

describe('a growing string set', () => {
  /** Walks of a graph to a goal. */
  const graph: Record<string, string[]> = {
    s: ['a', 'b'],
    a: ['b', 'dead', 'goal'],
    b: ['a'],
    dead: [],
    goal: [],
  };
  const walks = growingStrings({
    next: (chain) => graph[chain.at(-1)?.slice(1, -1) ?? 's'].map((node) => `(${node})`),
    mayEnd: (chain) => chain.at(-1) === '(goal)',
  });

  it('lists what follows what was chosen, without ways that do not end', () => {
    const matches = matcher(walks);
    expect(matches('(a)(goal)')).toBe(true);
    expect(matches('(b)(a)(b)(a)(goal)')).toBe(true);
    expect(matches('(a)')).toBe(false);
    const start = walks.compile(anyCodePoint);
    expect(follow(start, '(a)(d')).toBeUndefined();
    expect(follow(start, '(b)(')?.shortest).toBe('a)(goal)'.length);
  });

  it('looks only where it is asked to', () => {
    const asked: string[] = [];
    const counted = growingStrings({
      next: (chain) => {
        asked.push(chain.join(''));
        return ['0,', '1,'];
      },
      mayEnd: (chain) => chain.length > 0,
    });
    follow(counted.compile(anyCodePoint), '0,1,1,');
    expect(new Set(asked)).toEqual(new Set(['', '0,', '0,1,']));
  });

  it('refuses endless chains and texts that begin one another', () => {
    const endless = growingStrings({ next: () => ['a,'], mayEnd: () => false });
    expect(() => endless.compile(anyCodePoint)).toThrow(expect.objectContaining({ code: 'bad-option' }));
    const unclear = growingStrings({ next: () => ['a', 'ab'], mayEnd: ({ length }) => length > 0 });
    expect(() => follow(unclear.compile(anyCodePoint), 'ab')).toThrow(
      expect.objectContaining({ code: 'bad-option' }),
    );
  });
});
