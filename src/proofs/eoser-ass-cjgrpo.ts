/**
 * EOS early rejection and ascending steps (2025, arXiv:2509.23924), the decoding of the paper: a whole canvas in as many
 * steps as its length has binary digits. Ours is that this is as accurate as one token a step on two tasks at least.
 */

import { ascendingSteps } from '../decode/masked-diffusion/commit/ascending.ts';
import { differenceOf, totalsOf } from '../tasks/measure.ts';
import { asFast, controlOf, forwardsOf, mostLoss } from './checks.ts';
import { fixedSteps, houseTasks, oneTokenAStep, thresholds } from './house-tasks.ts';
import type { Decoding, Proof } from './proof.ts';

const method = 'eoser-ass-cjgrpo';
const decoding: Decoding = { label: 'eoser + ass', method };

const logSteps = (label: string, own: Record<string, unknown>): Decoding => ({
  label,
  method,
  options: ({ maxTokens }) => ({
    ...own,
    ...(own.schedule === 'uniform' && { steps: ascendingSteps(maxTokens) }),
  }),
});

/** Other ways to spend as many forwards, with early rejection and without. */
const schedules: readonly Decoding[] = [
  logSteps('ass alone', { gammaMin: 1 }),
  logSteps('uniform', { schedule: 'uniform', gammaMin: 1 }),
  logSteps('eoser + uniform', { schedule: 'uniform', gammaMin: 0.01 }),
  logSteps('descending', { schedule: 'descending', gammaMin: 1 }),
  logSteps('eoser + descending', { schedule: 'descending' }),
];

/** Half as many steps as positions, the paper's baseline: in one block, in blocks, and in one block with rejection. */
const halves: readonly Decoding[] = [
  fixedSteps(0.5),
  {
    label: 'G x 0.5 steps, blocks of 8',
    method: 'diffusion',
    options: ({ maxTokens }) => ({ blockLength: 8, steps: maxTokens / 2 }),
  },
  {
    label: 'G x 0.5 steps, eoser',
    method,
    options: ({ maxTokens }) => ({ schedule: 'uniform', steps: maxTokens / 2 }),
  },
];

const tasksWanted = 2;
/** Room for padding, which is what the end token trap is about. */
const canvas = 64;

export const eoserAssCjgrpo: Proof = {
  slug: 'eoser-ass-cjgrpo',
  claim:
    'In ⌊log₂ G⌋ forwards, 5 times fewer than one token a step, at most 2 points less accurate on two tasks.',
  threshold: 5,
  model: 'house-diffusion',
  tasks: houseTasks.map((task) => ({ ...task, maxTokens: canvas })),
  decoding,
  settings: "the paper's",
  async run({ measure }) {
    const measurements = await measure([oneTokenAStep, decoding, ...schedules, ...halves, ...thresholds]);
    const [baseline, ours] = measurements;
    const kept = ours.tasks.filter(
      (task, t) => differenceOf([task], [baseline.tasks[t]]).difference >= -mostLoss,
    );
    const inTime = ours.tasks.filter(
      (task) => totalsOf([task]).forwards <= ascendingSteps(task.task.maxTokens),
    );
    const tokens = measurements.slice(0, 2 + schedules.length + halves.length);
    const fastest = measurements.slice(-thresholds.length);
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: [
        {
          text: 'tasks with at most 2 points less accuracy than one token a step',
          unit: 'tasks',
          value: kept.length,
          bar: tasksWanted,
          holds: kept.length >= tasksWanted,
        },
        {
          text: 'tasks in at most ⌊log₂ G⌋ forwards',
          unit: 'tasks',
          value: inTime.length,
          bar: ours.tasks.length,
          holds: inTime.length === ours.tasks.length,
        },
      ],
      controls: [...measurements.slice(2, 2 + schedules.length), asFast(ours, fastest)].map((control) =>
        controlOf(ours, control),
      ),
      figures: [
        {
          title: 'Mean tokens of an answer, its end token included: the end token trap shows as short ones',
          head: ['decoding', ...ours.tasks.map(({ task }) => `${task.task} ${task.level}`)],
          rows: tokens.map(({ decoding: { label }, tasks }) => [
            label,
            ...tasks.map((task) => totalsOf([task]).tokens),
          ]),
        },
      ],
      measurements,
    };
  },
};
