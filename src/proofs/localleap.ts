/**
 * LocalLeap (2025, arXiv:2510.07081): close to a sure prediction a lower bar is enough. The paper counts against one token a
 * step, and so does ours; the control is one lower bar everywhere, and the figures say whether closeness tells anything.
 */

import { accuracyKept, asFast, controlOf, forwardsOf } from './checks.ts';
import { houseTasks, measuredOf, oneTokenAStep, thresholdOf, thresholds } from './house-tasks.ts';
import type { Decoding, Figures, Proof } from './proof.ts';
import { predictionsOf, type Trace } from './trace.ts';
import { watched } from './variant.ts';

const leap = (threshold: number, relaxedThreshold: number, radius: number): Decoding => ({
  label: `localleap ${threshold} / ${relaxedThreshold}, radius ${radius}`,
  method: 'localleap',
  options: { threshold, relaxedThreshold, radius },
});

const [threshold, relaxedThreshold] = [0.99, 0.95];
const decoding = leap(threshold, relaxedThreshold, 4);
/** Other radii, and the bars of the example in the released code, which are the defaults of the method. */
const others = [
  ...[1, 2, 8, 16].map((radius) => leap(threshold, relaxedThreshold, radius)),
  leap(0.9, 0.75, 4),
  leap(0.95, 0.9, 4),
];

/** Distances to the nearest anchor, as bins [from, to]. */
const bins = [
  [1, 1],
  [2, 2],
  [3, 4],
  [5, 8],
  [9, Number.POSITIVE_INFINITY],
] as const;

/**
 * How often a prediction is final already, by its distance to the nearest anchor of the step, along static trajectories:
 * of all predictions that are no anchors, and of those between the two bars, where closeness must tell more than
 * confidence does.
 */
export function finalByDistance(
  traces: readonly Trace[],
  [anchor, relaxed]: readonly [number, number],
): Figures {
  const tallies = bins.map(() => ({ all: 0, allFinal: 0, band: 0, bandFinal: 0 }));
  for (const trace of traces) {
    for (const { step, index, isFinal } of predictionsOf(trace)) {
      const { positions, confidence } = step;
      if (confidence[index] >= anchor) continue;
      const anchors = positions.filter((_, i) => confidence[i] >= anchor);
      const distance = Math.min(...anchors.map((position) => Math.abs(position - positions[index])));
      const tally = tallies[bins.findIndex(([, to]) => distance <= to)];
      const isInBand = confidence[index] >= relaxed;
      tally.all++;
      tally.allFinal += isFinal ? 1 : 0;
      tally.band += isInBand ? 1 : 0;
      tally.bandFinal += isInBand && isFinal ? 1 : 0;
    }
  }
  const share = (part: number, whole: number) => (whole > 0 ? part / whole : '');
  return {
    title: `Predictions that are final already, by the distance to the nearest one with confidence ${anchor}`,
    head: ['distance', 'predictions', 'final', `of confidence ${relaxed} to ${anchor}`, 'final'],
    rows: tallies.map(({ all, allFinal, band, bandFinal }, i) => {
      const [from, to] = bins[i];
      const name =
        to === Number.POSITIVE_INFINITY ? `${from} or more` : from === to ? `${from}` : `${from} to ${to}`;
      return [name, all, share(allFinal, all), band, share(bandFinal, band)];
    }),
  };
}

export const localleap: Proof = {
  slug: 'localleap',
  claim: 'At least 3 times fewer forwards than one token a step, at most 2 points less accurate.',
  threshold: 3,
  model: 'house-diffusion',
  tasks: houseTasks,
  decoding,
  settings:
    "the paper's radius; bars chosen on training problems, as the usual 0.9 and 0.75 lose accuracy there",
  async run({ measure }) {
    const { method, traces } = watched('one-token-a-step');
    const measurements = await measure([{ ...oneTokenAStep, method }, decoding, ...thresholds, ...others]);
    const [baseline, ours] = measurements;
    const lowered = measurements.slice(2, 2 + thresholds.length);
    const plain = measuredOf(lowered, thresholdOf(threshold));
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: [
        ...accuracyKept(ours, baseline),
        {
          text: `forwards, against those of ${plain.decoding.label} everywhere`,
          unit: 'forwards',
          value: forwardsOf(ours),
          bar: forwardsOf(plain),
          holds: forwardsOf(ours) < forwardsOf(plain),
        },
      ],
      controls: [plain, asFast(ours, lowered)].map((control) => controlOf(ours, control)),
      figures: [finalByDistance(traces, [threshold, relaxedThreshold])],
      measurements,
    };
  },
};
