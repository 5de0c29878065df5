import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findTask, type Problem, problems, splitOf, tasks } from '../../tasks/index.ts';
import { houseShares, Mixture } from './mixture.ts';

/** Keeps the problems that a mixture encodes. */
function recording() {
  const seen: Problem[] = [];
  const encode = (problem: Problem) => {
    seen.push(problem);
    return { tokens: Int32Array.of(seen.length - 1), answerStart: 0 };
  };
  return { seen, encode };
}

function drawn(seed: number, step: number, count: number, progress: number, shares = houseShares): string[] {
  const { seen, encode } = recording();
  new Mixture(seed, encode, shares).examples(step, count, progress);
  return seen.map(({ prompt, answer }) => `${prompt}\n${answer}`);
}

const sum = (shares: readonly number[]) => shares.reduce((a, b) => a + b, 0);

describe('Mixture', () => {
  it('has shares of every task and level that add up to 1', () => {
    expect(sum(Object.values(houseShares).map(({ share }) => share))).toBeCloseTo(1, 12);
    // A model of its own learns graph questions.
    const learned = [...tasks.keys()].filter((slug) => slug !== 'graph-questions');
    expect(Object.keys(houseShares).sort()).toEqual(learned.sort());
    for (const [slug, { levels }] of Object.entries(houseShares)) {
      expect(levels).toHaveLength(tasks.get(slug)!.levels.length);
      expect(sum(levels)).toBeCloseTo(1, 12);
    }
  });

  it('gives problems of the training split alone', () => {
    const { seen, encode } = recording();
    const mixture = new Mixture(5, encode);
    for (let step = 1; step <= 20; step++) mixture.examples(step, 50, step / 20);
    expect(seen).toHaveLength(1000);
    for (const { prompt } of seen) expect(splitOf(prompt), prompt).toBe('train');
  });

  it('gives an example by seed, step and number alone', () => {
    const step = fc.integer({ min: 1, max: 5000 });
    fc.assert(
      fc.property(fc.nat(1000), step, fc.integer({ min: 1, max: 8 }), (seed, step, count) => {
        const mixture = new Mixture(seed, ({ prompt }) => ({
          tokens: Int32Array.from(Buffer.from(prompt)),
          answerStart: 0,
        }));
        const whole = mixture.examples(step, 8, 0.5);
        mixture.examples(step + 1, 3, 0.5);
        expect(mixture.examples(step, count, 0.5)).toEqual(whole.slice(0, count));
        expect(drawn(seed, step, count, 0.5)).toEqual(drawn(seed, step, 8, 0.5).slice(0, count));
      }),
      { numRuns: 30 },
    );
  });

  it('gives other examples at another step and with another seed', () => {
    const first = drawn(1, 1, 20, 1);
    for (const other of [drawn(1, 2, 20, 1), drawn(2, 1, 20, 1)])
      expect(other.filter((problem) => first.includes(problem)).length).toBeLessThan(3);
  });

  it('begins with the easy levels and comes to its shares', () => {
    const shares = { countdown: { share: 1, levels: [0.5, 0.5] } };
    const all = problems(findTask('countdown'), { split: 'train', seed: 1, level: 2 });
    const isHarder = (problem: string, i: number) => problem.startsWith(all.at(4096 + i).prompt);
    const harder = (progress: number) => drawn(1, 1, 2000, progress, shares).filter(isHarder).length / 2000;
    expect(harder(0)).toBe(0);
    // Half of their share at half of the curriculum: 0.25 of 0.75.
    expect(Math.abs(harder(0.1) - 1 / 3)).toBeLessThan(0.06);
    for (const progress of [0.2, 1]) expect(Math.abs(harder(progress) - 0.5)).toBeLessThan(0.06);
  });
});
