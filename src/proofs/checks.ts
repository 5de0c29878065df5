/** What the proofs of fewer forwards have in common: the accuracy they may lose, and the controls. */

import { differenceOf, type Measurement, totalsOf } from '../tasks/measure.ts';
import type { Condition, Control } from './proof.ts';

/** Accuracy that a faster decoding may lose. */
export const mostLoss = 0.02;

/** Mean forwards an answer over all tasks. */
export const forwardsOf = ({ tasks }: Measurement): number => totalsOf(tasks).forwards;

/**
 * The accuracy over all tasks is at most two points below the baseline's, and on no task is it surely more than that: the
 * 95 % interval of its difference does not lie wholly below.
 */
export function accuracyKept(method: Measurement, baseline: Measurement): Condition[] {
  const { difference } = differenceOf(method.tasks, baseline.tasks);
  const highest = method.tasks.map((task, t) => differenceOf([task], [baseline.tasks[t]]).high);
  const worst = Math.min(...highest);
  const { task, level } = method.tasks[highest.indexOf(worst)].task;
  return [
    {
      text: 'accuracy against one token a step, over all tasks',
      unit: 'points',
      value: difference,
      bar: -mostLoss,
      holds: difference >= -mostLoss,
    },
    {
      text: `upper end of the 95% interval of that, on the worst task (${task} ${level})`,
      unit: 'points',
      value: worst,
      bar: -mostLoss,
      holds: worst >= -mostLoss,
    },
  ];
}

/** The method against a control, in accuracy. */
export function controlOf(method: Measurement, control: Measurement): Control {
  const paired = differenceOf(method.tasks, control.tasks);
  const verdict = paired.low > 0 ? 'better' : paired.high < 0 ? 'worse' : 'not told apart';
  return { label: control.decoding.label, forwards: forwardsOf(control), ...paired, verdict };
}

/**
 * The control that takes most forwards without taking more than the method; the one with the fewest when all take more.
 */
export function asFast(method: Measurement, controls: readonly Measurement[]): Measurement {
  const most = forwardsOf(method);
  const ascending = controls.toSorted((a, b) => forwardsOf(a) - forwardsOf(b));
  return ascending.findLast((control) => forwardsOf(control) <= most) ?? ascending[0];
}

/** How many answers are those of another decoding, token for token. */
export function sameAnswers(ours: Measurement, theirs: Measurement): number {
  const answers = ({ tasks }: Measurement) =>
    tasks.flatMap(({ outcomes }) => outcomes.map(({ tokens }) => tokens.join()));
  const others = answers(theirs);
  return answers(ours).filter((answer, i) => answer === others[i]).length;
}

/** All answers are those of another decoding, token for token. */
export function allTheSame(ours: Measurement, theirs: Measurement): Condition {
  const { samples } = totalsOf(ours.tasks);
  const value = sameAnswers(ours, theirs);
  const text = `answers of ${ours.decoding.label} that are the baseline's`;
  return { text, unit: 'answers', value, bar: samples, holds: value === samples };
}
