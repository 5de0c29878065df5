import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { processorTime } from '../../test/support/processor-time.ts';
import { QuickstepError } from '../errors.ts';
import { createStopper, type StopperOptions } from './stop.ts';

/** Pushes the deltas as tokens 1, 2, ... until done; what was emitted, and the end. */
function run(options: StopperOptions, deltas: readonly string[]) {
  const stopper = createStopper(options);
  let text = '';
  const emitted: string[] = [];
  for (const [index, delta] of deltas.entries()) {
    const result = stopper.push(index + 1, delta);
    text += result.text;
    emitted.push(result.text);
    if (result.done) return { text, emitted, done: result.done, match: result.match, tokens: index + 1 };
  }
  return { text: text + stopper.flush(), emitted, done: undefined, match: undefined, tokens: deltas.length };
}

/** Tries every end position in turn. */
function naive(text: string, stop: readonly string[]) {
  for (let end = 1; end <= text.length; end++) {
    const matches = stop.filter((string) => text.slice(0, end).endsWith(string));
    if (matches.length > 0) {
      const match = matches.reduce((a, b) => (b.length > a.length ? b : a));
      return { text: text.slice(0, end - match.length), match };
    }
  }
  return { text, match: undefined };
}

const letters = (constraints: fc.StringConstraints) =>
  fc.string({ unit: fc.constantFrom('a', 'b', '\u{1f600}'), ...constraints });

describe('stop strings', () => {
  it('agree with a search of the full text for every way to cut it', () => {
    fc.assert(
      fc.property(
        fc.array(letters({ maxLength: 5 }), { maxLength: 12 }),
        fc.array(letters({ minLength: 1, maxLength: 5 }), { maxLength: 4 }),
        (deltas, stop) => {
          const expected = naive(deltas.join(''), stop);
          const actual = run({ stop }, deltas);
          expect(actual.text).toBe(expected.text);
          expect(actual.match).toBe(expected.match);
          expect(actual.done).toBe(expected.match === undefined ? undefined : 'stop');
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('hold back exactly the longest suffix that may become a stop string', () => {
    fc.assert(
      fc.property(
        fc.array(letters({ maxLength: 4 }), { maxLength: 10 }),
        fc.array(letters({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
        (deltas, stop) => {
          const { emitted, done } = run({ stop }, deltas);
          let seen = '';
          let shown = '';
          for (const [index, text] of emitted.entries()) {
            if (done && index === emitted.length - 1) return;
            seen += deltas[index];
            shown += text;
            const prefixes = stop.flatMap((string) =>
              Array.from({ length: string.length }, (_, length) => string.slice(0, length)),
            );
            const suffix = prefixes.filter((prefix) => seen.endsWith(prefix)).map((prefix) => prefix.length);
            expect(seen.length - shown.length).toBe(Math.max(0, ...suffix));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('may straddle tokens; the text before is emitted', () => {
    expect(run({ stop: ['\nUser:'] }, ['Hi', '\n', 'Use', 'r: x', 'never'])).toEqual({
      text: 'Hi',
      emitted: ['Hi', '', '', ''],
      done: 'stop',
      match: '\nUser:',
      tokens: 4,
    });
  });

  it('release the text when the match fails', () => {
    expect(run({ stop: ['END'] }, ['E', 'N', 'X']).emitted).toEqual(['', '', 'ENX']);
  });

  it('stop at the first that is complete, the longest of those that end together', () => {
    expect(run({ stop: ['abcd', 'bc'] }, ['xabcd'])).toMatchObject({ text: 'xa', match: 'bc' });
    expect(run({ stop: ['c', 'abc'] }, ['xabc'])).toMatchObject({ text: 'x', match: 'abc' });
  });

  it.each(['', '\ud83d', 'x\ude00'])('that are not whole text are refused: %j', (string) => {
    expect(() => createStopper({ stop: [string] })).toThrow(QuickstepError);
  });

  it('cost time linear in the text for a repetitive worst case', () => {
    const stop = [`${'a'.repeat(2000)}b`, `${'a'.repeat(1000)}c`];
    const time = (length: number) => {
      const stopper = createStopper({ stop });
      const started = processorTime();
      for (let token = 0; token < length; token++) stopper.push(token, token % 1500 === 0 ? 'd' : 'aaaa');
      return processorTime() - started;
    };
    const short = Math.min(time(20_000), time(20_000), time(20_000));
    // 16 times the text: a matcher that searches all of it again for each token would take 256 times as long.
    expect(time(320_000)).toBeLessThan(100 * short);
  });
});

describe('other ends', () => {
  it('end of sequence: held text is released, the text of the token is not shown', () => {
    const stopper = createStopper({ eosIds: [9], stop: ['END'] });
    expect(stopper.push(1, 'so EN')).toEqual({ text: 'so ' });
    expect(stopper.push(9, '<eos>')).toEqual({ text: 'EN', done: 'eos' });
    expect(stopper.flush()).toBe('');
    expect(() => stopper.push(1, 'x')).toThrow('after the end');
  });

  it('end of sequence at once', () => {
    expect(createStopper({ eosIds: new Set([3]) }).push(3, '')).toEqual({ text: '', done: 'eos' });
  });

  it('token limit: held text is released with the last token', () => {
    const result = run({ stop: ['END'], maxTokens: 2 }, ['aE', 'N', 'D']);
    expect(result).toMatchObject({ text: 'aEN', done: 'length', tokens: 2 });
  });

  it('a stop string or end token on the last token counts before the limit', () => {
    expect(run({ stop: ['b'], maxTokens: 2 }, ['a', 'b'])).toMatchObject({ done: 'stop' });
    expect(run({ eosIds: [2], maxTokens: 2 }, ['a', 'b'])).toMatchObject({ done: 'eos' });
  });

  it('flush gives held text once', () => {
    const stopper = createStopper({ stop: ['END'] });
    stopper.push(1, 'EN');
    expect([stopper.flush(), stopper.flush()]).toEqual(['EN', '']);
  });

  it.each([-1, 1.5, Number.NaN])('refuses maxTokens %s', (maxTokens) => {
    expect(() => createStopper({ maxTokens })).toThrow(/maxTokens/);
  });
});
