/** FreeDave (2025): the answers of one token a step in fewer forwards. Ours is at most 1/1.5 of them, and every token the same. */

import { type Measurement, totalsOf } from '../tasks/measure.ts';
import { controlOf, forwardsOf, sameAnswers } from './checks.ts';
import { houseTasks, oneTokenAStep, thresholdOf } from './house-tasks.ts';
import type { Condition, Decoding, Figures, Proof } from './proof.ts';
import { meanOf, type Trace, type TraceStep } from './trace.ts';
import { watched } from './variant.ts';

const draftSteps = (count: number): Decoding => ({
  label: `freedave, ${count} canvases`,
  method: 'freedave',
  options: { draftSteps: count },
});

const decoding = draftSteps(4);
const counts = [1, 2, 8] as const;

/** How many steps on from the predictions of step `at` the static sampler goes as they say. */
function reach(trace: Trace, at: number): number {
  const { positions, tokens, confidence }: TraceStep = trace[at];
  const order = [...positions.keys()].sort((a, b) => confidence[b] - confidence[a] || a - b);
  let steps = 0;
  for (const index of order) {
    const next = trace[at + steps];
    if (next?.committed[0] !== positions[index]) break;
    if (next.tokens[next.positions.indexOf(positions[index])] !== tokens[index]) break;
    steps++;
  }
  return steps;
}

/**
 * Least forwards that make the canvases of a static trajectory when each scores `canvases` of them: the fewest jumps from
 * the first canvas to the last that is scored, a jump leading no further than the predictions it starts from reach.
 */
export function leastForwards(trace: Trace, canvases: number): number {
  const last = trace.length - 1;
  const least = trace.map(() => 1);
  for (let at = last - 1; at >= 0; at--) {
    const furthest = Math.min(last - at, canvases, Math.max(1, reach(trace, at)));
    least[at] = 1 + Math.min(...least.slice(at + 1, at + 1 + furthest));
  }
  return least[0];
}

export const freedave: Proof = {
  slug: 'freedave',
  claim:
    'At least 1.5 times fewer forwards than one token a step, and every answer the same, token for token.',
  threshold: 1.5,
  model: 'house-diffusion',
  tasks: houseTasks,
  decoding,
  settings: "four canvases a forward, as in the paper's evaluation script",
  async run({ measure }) {
    const { method, traces } = watched('one-token-a-step');
    const [baseline, ours, one, two, eight, threshold] = await measure([
      { ...oneTokenAStep, method },
      decoding,
      ...counts.map(draftSteps),
      thresholdOf(0.9),
    ]);
    const { samples } = totalsOf(ours.tasks);
    const same = (measurement: Measurement, name: string): Condition => {
      const value = sameAnswers(measurement, baseline);
      return {
        text: `answers of ${name} that are the baseline's`,
        unit: 'answers',
        value,
        bar: samples,
        holds: value === samples,
      };
    };
    const least = (canvases: number) => meanOf(traces.map((trace) => leastForwards(trace, canvases)));
    const optimum: Figures = {
      title: 'Mean forwards, and the fewest that any choice of jumps along the same trajectory would take',
      head: ['canvases a forward', 'forwards', 'fewest'],
      rows: [
        [1, forwardsOf(one), least(1)],
        [2, forwardsOf(two), least(2)],
        [4, forwardsOf(ours), least(4)],
        [8, forwardsOf(eight), least(8)],
      ],
    };
    const [drafting, plain] = [forwardsOf(one), forwardsOf(baseline)];
    return {
      measured: forwardsOf(ours),
      baseline: plain,
      conditions: [
        same(ours, decoding.label),
        same(eight, eight.decoding.label),
        {
          text: 'forwards without drafts, which must be those of the baseline',
          unit: 'forwards',
          value: drafting,
          bar: plain,
          holds: drafting === plain,
        },
      ],
      controls: [controlOf(ours, threshold)],
      figures: [optimum],
      measurements: [baseline, ours, one, two, eight, threshold],
    };
  },
};
