/** A results file for tests. Test support. */

import { json, sudoku } from '../../../src/proofs/house-tasks.ts';
import type { TaskMeasurement } from '../../../src/tasks/measure.ts';
import type { Entry } from '../entries.ts';
import { type DiffusionResults, decodingResults, diffusionResultsFile } from '../results.ts';

/** Label, kind, right answers of twenty on each of two tasks, forwards an answer. */
export type Figure = readonly [
  label: string,
  kind: Entry['kind'],
  right: readonly [number, number],
  forwards: number,
];

export const figures: readonly Figure[] = [
  ['one token a step', 'plain', [18, 20], 32],
  ['G x 0.5 steps', 'plain', [18, 19], 16],
  ['threshold 0.9', 'plain', [18, 19], 2],
  ['freedave', 'method', [18, 20], 12],
  ['localleap', 'method', [15, 19], 1.5],
  ['localleap + credit', 'combination', [12, 18], 1.25],
];

const tasks = [json, sudoku];
const samples = 20;

export function resultsWith(all: readonly Figure[] = figures): DiffusionResults {
  const measured = all.map(([label, kind, right, forwards]) => ({
    decoding: { label, kind, method: 'diffusion', options: { steps: 4 } },
    tasks: tasks.map(
      (task, t): TaskMeasurement => ({
        task,
        outcomes: Array.from({ length: samples }, (_, i) => ({
          ...{ correct: i < right[t], steps: forwards, forwards, rows: 50 * forwards },
          tokens: Array<number>(12).fill(i),
        })),
        seconds: forwards / 4,
      }),
    ),
  }));
  return diffusionResultsFile.parse({
    date: '2026-12-01T10:00:00.000Z',
    machine: { processor: 'Sample', cores: 2, platform: 'linux x64', node: 'v20.0.0', load: [0.1, 2] },
    ...{ threads: 2, models: [{ id: 'house-diffusion', digest: '0123456789ab' }], precision: 'w8a8' },
    ...{ seed: 1, samples, batch: 10, tasks: [...tasks], decodings: decodingResults(measured) },
  });
}
