/** What holds for every task: problems are right, addressed by number, and training never meets testing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../errors.ts';
import { findTask, tasks } from './registry.ts';
import { problems } from './sampler.ts';
import { hashText, type Split, splitOf, testShare } from './split.ts';

const seeds = fc.maxSafeInteger();
const indices = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const splits = fc.constantFrom<Split>('train', 'test');
const cases = [...tasks.values()].flatMap((task) =>
  task.levels.map(({ level }) => ({ name: `${task.slug} level ${level}`, task, level })),
);

describe.each(cases)('$name', ({ task, level }) => {
  it('answers its own problems, and says the same in a second run', () => {
    fc.assert(
      fc.property(seeds, indices, splits, (seed, index, split) => {
        const problem = problems(task, { split, seed, level }).at(index);
        expect(task.check(problem, problem.answer)).toBe(true);
        expect(task.check(problem, ` ${problem.answer}\n`)).toBe(true);
        expect(problems(task, { split, seed, level }).at(index)).toEqual(problem);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses the empty answer, a cut one and what is no answer', () => {
    fc.assert(
      fc.property(seeds, fc.string(), (seed, noise) => {
        const problem = problems(task, { split: 'train', seed, level }).at(0);
        const cut = problem.answer.slice(0, Math.floor(problem.answer.length / 2));
        for (const wrong of ['', cut, `x${noise}`]) expect(task.check(problem, wrong)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('does not depend on the order of calls', () => {
    const source = problems(task, { split: 'train', seed: 3, level });
    const inOrder = Array.from({ length: 20 }, (_, index) => source.at(index));
    const backwards = inOrder.map((_, i) => source.at(inOrder.length - 1 - i)).reverse();
    expect(backwards).toEqual(inOrder);
    const streamed = [];
    for (const problem of source) if (streamed.push(problem) === inOrder.length) break;
    expect(streamed).toEqual(inOrder);
  });

  it('trains and tests on different prompts, whatever the seeds', () => {
    fc.assert(
      fc.property(seeds, seeds, (trainSeed, testSeed) => {
        const prompts = (split: Split, seed: number) => {
          const source = problems(task, { split, seed, level });
          return Array.from({ length: 50 }, (_, index) => source.at(index).prompt);
        };
        const trained = new Set(prompts('train', trainSeed));
        const tested = prompts('test', testSeed);
        expect(tested.filter((prompt) => trained.has(prompt))).toEqual([]);
        expect(new Set([...trained].map(splitOf))).toEqual(new Set(['train']));
        expect(new Set(tested.map(splitOf))).toEqual(new Set(['test']));
      }),
      { numRuns: 20 },
    );
  });
});

describe('problems', () => {
  it('keeps an eighth of the prompts for testing', () => {
    const count = 8000;
    const tested = Array.from({ length: count }, (_, i) => `Sort: ${i}`).filter((p) => splitOf(p) === 'test');
    expect(tested.length / count).toBeCloseTo(1 / testShare, 1);
  });

  it('gives other problems for another seed', () => {
    const first = (seed: number) => problems(findTask('word-problems'), { split: 'test', seed }).at(0).prompt;
    expect(new Set([1, 2, 3, -1, 2 ** 40].map(first)).size).toBe(5);
  });

  it('hashes as it did when the first house models were trained', () => {
    expect(hashText('')).toBe(2_872_998_923);
    expect(hashText('Use 3 7 8 to make 29.')).toBe(1_631_798_462);
  });

  it('refuses a level or a task that is not there', () => {
    const codeOf = (action: () => unknown) => {
      try {
        action();
      } catch (error) {
        return QuickstepError.isInstance(error) ? error.code : error;
      }
      return undefined;
    };
    expect(codeOf(() => problems(findTask('sudoku'), { split: 'test', seed: 1, level: 4 }))).toBe(
      'bad-option',
    );
    expect(codeOf(() => findTask('sodoku'))).toBe('not-found');
  });
});
