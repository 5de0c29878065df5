/**
 * The problems that house models learn from: all tasks and levels, the easy levels first. Example i of a step is a
 * function of (seed, step, i) alone.
 */

import { uniform } from '../../decode/random.ts';
import {
  type EncodedProblem,
  findTask,
  type Problem,
  type Problems,
  problems,
  type Task,
} from '../../tasks/index.ts';
import { trainingStreams } from '../streams.ts';

/** Shares of tasks, and of levels within a task. */
export const houseShares: Readonly<Record<string, { share: number; levels: readonly number[] }>> = {
  'word-problems': { share: 0.3, levels: [0.35, 0.4, 0.15, 0.1] },
  countdown: { share: 0.27, levels: [0.7, 0.15, 0.1, 0.05] },
  sudoku: { share: 0.18, levels: [0.5, 0.3, 0.2] },
  json: { share: 0.1, levels: [0.5, 0.3, 0.2] },
  sorting: { share: 0.15, levels: [0.55, 0.3, 0.15] },
};

/** Share of the run after which the harder levels have their full share. */
const curriculum = 0.2;
/** More than a step ever has. */
const examplesPerStep = 4096;

/** A problem with the task whose checker knows it. */
export interface Drawn {
  task: Task;
  problem: Problem;
}

interface Source {
  task: Task;
  problems: Problems;
  share: number;
  /** Level above the easiest, which the curriculum holds back at first. */
  isHarder: boolean;
}

/** The training problems of one seed. */
export class Mixture {
  readonly #seed: number;
  readonly #sources: readonly Source[];
  readonly #encode: (problem: Problem) => EncodedProblem;

  constructor(seed: number, encode: (problem: Problem) => EncodedProblem, shares = houseShares) {
    this.#seed = seed;
    this.#encode = encode;
    this.#sources = Object.entries(shares).flatMap(([slug, { share, levels }]) => {
      const task = findTask(slug);
      return levels.map((levelShare, i) => ({
        task,
        problems: problems(task, { split: 'train', seed, level: i + 1 }),
        share: share * levelShare,
        isHarder: i > 0,
      }));
    });
  }

  /** `count` examples of a step, at most 4,096; `progress` is the share of the run that is over. */
  examples(step: number, count: number, progress: number): EncodedProblem[] {
    return this.draw(step, count, progress).map(({ problem }) => this.#encode(problem));
  }

  /** The problems of `examples`. */
  draw(step: number, count: number, progress: number): Drawn[] {
    const eased = Math.min(1, progress / curriculum);
    const shares = this.#sources.map(({ share, isHarder }) => (isHarder ? share * eased : share));
    const total = shares.reduce((a, b) => a + b, 0);
    return Array.from({ length: count }, (_, position) => {
      let rest = uniform({ seed: this.#seed, stream: trainingStreams.task, step, position }) * total;
      let chosen = 0;
      while (chosen < shares.length - 1 && rest >= shares[chosen]) rest -= shares[chosen++];
      const { task, problems } = this.#sources[chosen];
      return { task, problem: problems.at(step * examplesPerStep + position) };
    });
  }
}
