/**
 * Prophet (2025): the answer is known long before the canvas is finished, and the gap of the two best logits tells when.
 * Ours is that it halves the forwards; controls that stop as early, but do not look, tell whether looking helps.
 */

import { z } from 'zod';
import { commitRule } from '../decode/masked-diffusion/commit/rule.ts';
import { decodeCanvas } from '../decode/masked-diffusion/decode-canvas.ts';
import { diffusion } from '../decode/masked-diffusion/diffusion.ts';
import { defineMethod, type Method } from '../decode/method.ts';
import { type Measurement, type TaskLevel, totalsOf } from '../tasks/measure.ts';
import { accuracyKept, asFast, controlOf, forwardsOf, sameAnswers } from './checks.ts';
import { fixedSteps, houseTasks, oneTokenAStep, thresholds } from './house-tasks.ts';
import type { Decoding, Figures, Proof } from './proof.ts';
import { finalTokens, type Trace } from './trace.ts';
import { watched } from './variant.ts';

/** The paper's bars times a factor, on the mean of the gaps. They are for the logits of models of 8 billion parameters. */
const papersBars = (factor: number): Decoding => ({
  label: `prophet, the paper's bars x ${factor}`,
  method: 'prophet',
  options: { gapEarly: 7.5 * factor, gapMiddle: 5 * factor, gapLate: 2.5 * factor },
});

/** One bar for all of decoding, on the smallest gap: the mean is that of the sure padding behind a short answer. */
const smallestGap = (gap: number): Decoding => ({
  label: `prophet, smallest gap ${gap}`,
  method: 'prophet',
  options: { gapEarly: gap, gapMiddle: gap, gapLate: gap, gapOf: 'min' },
});

const decoding = smallestGap(3);
const others = [...[1, 2, 4].map(papersBars), ...[1, 2, 4].map(smallestGap)];

/** One token a step, and in step `fillStep` all that is left, whatever the model says. */
const fillAfter = defineMethod({
  ...diffusion,
  slug: 'fill-after',
  options: diffusion.options.extend({ fillStep: z.int().min(1) }),
  phases: (options, run) => {
    if (run.finish) return {};
    const plain = commitRule(options, run);
    return decodeCanvas(run, options, {
      commit: (predictions, canvas) =>
        canvas.step + 1 < options.fillStep ? plain(predictions, canvas) : predictions.candidates,
    });
  },
}) as unknown as Method;

/** Whether what is predicted in the step at this share of a static trajectory is its answer already. */
export function isKnown(trace: Trace, share: number, endIds: readonly number[]): boolean {
  const at = Math.max(1, Math.ceil(share * trace.length)) - 1;
  const final = finalTokens(trace);
  const filled = finalTokens(trace.slice(0, at));
  const { positions, tokens } = trace[at];
  for (const [index, position] of positions.entries()) filled.set(position, tokens[index]);
  for (let position = 0; final.has(position); position++) {
    if (filled.get(position) !== final.get(position)) return false;
    if (endIds.includes(final.get(position)!)) break;
  }
  return true;
}

const shares = [0.25, 0.5] as const;

export const prophet: Proof = {
  slug: 'prophet',
  claim: 'At least 2 times fewer forwards than one token a step, at most 2 points less accurate.',
  threshold: 2,
  model: 'house-diffusion',
  tasks: houseTasks,
  decoding,
  settings:
    'the smallest gap and one bar, chosen on training problems: the bars of the paper are for the logits of 8B models',
  async run({ model, measure }) {
    const { method, traces } = watched('one-token-a-step');
    const measured = await measure([
      { ...oneTokenAStep, method },
      decoding,
      ...shares.map(fixedSteps),
      ...others,
      ...thresholds,
    ]);
    const [baseline, ours, quarter, half] = measured;
    const steps = (task: TaskLevel) => {
      const taken = totalsOf(ours.tasks.filter(({ task: asked }) => asked === task)).forwards;
      return Math.min(task.maxTokens, Math.max(1, Math.round(taken)));
    };
    const blind = await measure([
      {
        label: 'filled in the same step on all problems',
        method: fillAfter,
        options: (task) => ({ fillStep: steps(task) }),
      },
      {
        label: 'as many steps of equal size',
        method: 'diffusion',
        options: (task) => ({ blockLength: 0, steps: steps(task) }),
      },
    ]);
    const answers = totalsOf(ours.tasks).samples;
    const row = (share: number, fixed: Measurement) => {
      const known = traces.filter((trace) => isKnown(trace, share, model.eosIds)).length;
      return [share, known / traces.length, sameAnswers(fixed, baseline) / answers];
    };
    const knownEarly: Figures = {
      title:
        'Answers that are predicted as they will end, and those that so many steps of equal size end with',
      head: ['share of the steps', 'known', 'the same in so many steps'],
      rows: [row(0.25, quarter), row(0.5, half), row(1, baseline)],
    };
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: accuracyKept(ours, baseline),
      controls: [...blind, asFast(ours, measured.slice(-thresholds.length))].map((control) =>
        controlOf(ours, control),
      ),
      figures: [knownEarly],
      measurements: [...measured, ...blind],
    };
  },
};
