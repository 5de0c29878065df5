/** Hidden Markov models and the likelihood of formats against sums over all paths and all texts. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gbnfLanguage } from '../gbnf/gbnf.ts';
import type { Language } from '../language.ts';
import { regexLanguage } from '../regex/regex.ts';
import { vocabularyOf } from '../testing/tokens.ts';
import { TokenConstraint } from '../token-constraint.ts';
import { FormatLikelihood } from './format-likelihood.ts';
import { Hmm } from './hmm.ts';
import { pathProbability, randomHmm } from './testing/small-hmm.ts';
import { tokenAutomaton } from './token-automaton.ts';

/** All lists of up to `length` tokens below `vocabulary`. */
function* texts(vocabulary: number, length: number): Iterable<number[]> {
  yield [];
  if (length === 0) return;
  for (const rest of texts(vocabulary, length - 1))
    for (let token = 0; token < vocabulary; token++) yield [token, ...rest];
}
const ofLength = (vocabulary: number, length: number) =>
  [...texts(vocabulary, length)].filter((text) => text.length === length);

describe('a hidden Markov model', () => {
  it('gives a text the probability of all its paths', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const hmm = randomHmm({ states: 3, vocabulary: 4 }, seed);
        for (const length of [1, 2, 4]) {
          let sum = 0;
          for (const text of ofLength(4, length)) {
            const exact = pathProbability(hmm, text);
            expect(Math.exp(hmm.logProbability(text))).toBeCloseTo(exact, 12);
            sum += exact;
          }
          expect(sum).toBeCloseTo(1, 10);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is refused with weights that are no probabilities', () => {
    const sound = randomHmm({ states: 3, vocabulary: 4 }, 1);
    for (const name of ['initial', 'transition', 'emission']) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const weights = new Map(sound.weights).set(name, sound.weights.get(name)!.with(1, value));
        expect(() => new Hmm(sound.facts, weights)).toThrow(expect.objectContaining({ code: 'bad-file' }));
      }
    }
    const nothing = new Map(sound.weights).set('emission', new Float32Array(12).fill(-Infinity));
    expect(() => new Hmm(sound.facts, nothing)).toThrow(expect.objectContaining({ code: 'bad-file' }));
  });

  it('takes texts of any length', () => {
    const hmm = randomHmm({ states: 3, vocabulary: 4 }, 1);
    const one = hmm.logProbability(Array(500).fill(2));
    expect(hmm.logProbability(Array(5000).fill(2)) / one).toBeCloseTo(10, 1);
  });
});

const pieces = ['a', 'b', 'ab'];
const end = pieces.length;
const vocabulary = vocabularyOf(pieces);
const startOf = (language: Language) => new TokenConstraint(language, vocabulary).start();

const follow = (automaton: ReturnType<typeof tokenAutomaton>, tokens: readonly number[]) =>
  tokens.reduce<number | undefined>((state, token) => {
    const next = state === undefined ? -1 : automaton.targets[state][token];
    return next < 0 ? undefined : next;
  }, 0);

describe('a format over tokens', () => {
  it('is refused when its states have no end', () => {
    const nested = startOf(gbnfLanguage('root ::= "a" root "b" | "a"'));
    expect(() => tokenAutomaton(nested, end + 1)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });
});

describe('the likelihood of a format', () => {
  const formats = ['a*', 'a*b', '(?:ab)+', '[ab]{2}', 'b?a+b?', '[ab]*'];

  it('is the probability of all texts that keep to it, whatever the beginning', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(...formats),
        fc.integer({ min: 1, max: 5 }),
        (seed, format, most) => {
          const hmm = randomHmm({ states: 3, vocabulary: end + 1 }, seed);
          const automaton = tokenAutomaton(startOf(regexLanguage(format)), end + 1);
          const likelihood = new FormatLikelihood(hmm, automaton, [end]);
          const matches = (text: readonly number[]) =>
            new RegExp(`^(?:${format})$`).test(text.map((token) => pieces[token]).join(''));
          /** p(a text of the format in at most `most` tokens, and beginning so). */
          const mass = (beginning: readonly number[]) => {
            let sum = 0;
            for (const rest of texts(end, most)) {
              const text = [...beginning, ...rest];
              if (text.length < most && matches(text)) sum += pathProbability(hmm, [...text, end]);
            }
            return sum;
          };
          expect(likelihood.fits(most)).toBe(mass([]) > 0);
          for (const beginning of texts(end, 2)) {
            if (beginning.length >= most) continue;
            const number = follow(automaton, beginning);
            if (number === undefined) continue;
            let belief = hmm.initial;
            for (const token of beginning) belief = hmm.advance(belief, token);
            const score = likelihood.score(number, most - beginning.length, belief);
            for (let token = 0; token < end; token++) {
              const expected = mass([...beginning, token]) / pathProbability(hmm, [...beginning, token]);
              expect(Math.exp(score[token])).toBeCloseTo(expected, 9);
            }
            expect(score[end]).toBe(matches(beginning) ? 0 : -Infinity);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('makes the model itself draw exactly from the texts of the format', () => {
    const hmm = randomHmm({ states: 3, vocabulary: end + 1 }, 5);
    const automaton = tokenAutomaton(startOf(regexLanguage('a+b')), end + 1);
    const likelihood = new FormatLikelihood(hmm, automaton, [end]);
    const most = 5;
    /** Probability of a text under p(x | text) p(format | text, x), normalized at each token. */
    const drawn = (text: readonly number[]) => {
      let [belief, state, probability] = [hmm.initial, 0, 1];
      for (const [t, token] of text.entries()) {
        const score = likelihood.score(state, most - t, belief);
        const weights = hmm.next(belief).map((p, x) => p * Math.exp(score[x]));
        probability *= weights[token] / weights.reduce((a, b) => a + b, 0);
        belief = hmm.advance(belief, token);
        state = Math.max(0, automaton.targets[state][token]);
      }
      return probability;
    };
    const legal = [...texts(end, most - 1)].filter((text) =>
      /^a+b$/.test(text.map((token) => pieces[token]).join('')),
    );
    const total = legal.reduce((sum, text) => sum + pathProbability(hmm, [...text, end]), 0);
    expect(legal.length).toBeGreaterThan(5);
    for (const text of legal) {
      const exact = pathProbability(hmm, [...text, end]) / total;
      expect(drawn([...text, end])).toBeCloseTo(exact, 9);
    }
  });

  it('knows of an end that is hundreds of tokens away, however improbable', () => {
    const hmm = randomHmm({ states: 3, vocabulary: end + 1 }, 3, 1e-30);
    const automaton = tokenAutomaton(startOf(regexLanguage('b{400}')), end + 1);
    const likelihood = new FormatLikelihood(hmm, automaton, [end]);
    expect(likelihood.fits(400)).toBe(false);
    expect(likelihood.fits(401)).toBe(true);
    const score = likelihood.score(0, 401, hmm.initial);
    expect(score[1]).toBeGreaterThan(-Infinity);
    expect(score[1]).toBeLessThan(-20_000);
    expect(score[0]).toBe(-Infinity);
  });

  it('changes little when unlikely hidden states are left out, and nothing when none are', () => {
    const hmm = randomHmm({ states: 8, vocabulary: end + 1 }, 4);
    const automaton = tokenAutomaton(startOf(regexLanguage('a*b')), end + 1);
    const likelihood = new FormatLikelihood(hmm, automaton, [end]);
    const belief = Float64Array.of(0.5, 0.3, 0.1, 0.06, 0.03, 0.009, 0.0009, 0.0001);
    const [all, few] = [likelihood.score(0, 9, belief), likelihood.score(0, 9, belief, 0.002)];
    expect([...likelihood.score(0, 9, belief, 1e-12)]).toEqual([...all].map((x) => expect.closeTo(x, 12)));
    for (const token of [0, 1]) expect(Math.abs(few[token] - all[token])).toBeLessThan(0.02);
    expect(few[0]).not.toBe(all[0]);
  });

  it('is that of the end alone where every text keeps to the format', () => {
    const hmm = randomHmm({ states: 3, vocabulary: end + 1 }, 6);
    const automaton = tokenAutomaton(startOf(regexLanguage('[ab]*')), end + 1);
    const likelihood = new FormatLikelihood(hmm, automaton, [end]);
    const score = likelihood.score(0, 600, hmm.initial);
    for (const x of score) expect(x).toBeCloseTo(0, 9);
  });
});
