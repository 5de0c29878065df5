/**
 * dParallel (2025): a model trained to be sure early takes fewer forwards. Ours is five times fewer than the model it was
 * made from takes with one token a step; the control is that model with its own best threshold, since a threshold alone
 * saves most, and the figures show how confidence grows before and after.
 */

import type { LanguageModel } from '../models/language-model.ts';
import { load } from '../models/load.ts';
import { differenceOf } from '../tasks/measure.ts';
import { accuracyKept, controlOf, forwardsOf, mostLoss } from './checks.ts';
import { houseTasks, oneTokenAStep, thresholds } from './house-tasks.ts';
import type { Decoding, Figures, Measurement, Proof } from './proof.ts';
import { meanOf, type Trace } from './trace.ts';
import { watched } from './variant.ts';

const before = 'house-diffusion';
const method = 'dparallel';

const entropyOf = (entropy: number): Decoding => ({
  label: `dparallel, entropy ${entropy}`,
  method,
  options: { entropy },
});

const decoding = entropyOf(0.2);
const bars = [0.05, 0.1, 0.35, 0.5].map(entropyOf);

/** The same with the model before the training. */
const untrained =
  (model: LanguageModel) =>
  ({ label, ...rest }: Decoding): Decoding => ({ ...rest, label: `${before}, ${label}`, model });

/** The one with the fewest forwards that is at most two points less accurate than the baseline. */
function fewestKept(measurements: readonly Measurement[], baseline: Measurement): Measurement | undefined {
  return measurements
    .filter(({ tasks }) => differenceOf(tasks, baseline.tasks).difference >= -mostLoss)
    .toSorted((a, b) => forwardsOf(a) - forwardsOf(b))[0];
}

const shares = [0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9] as const;

/** Mean confidence of the masked positions at a share of a static trajectory's steps. */
function certainty(traces: readonly Trace[], share: number): number {
  const steps = traces.map((trace) => trace[Math.floor(share * trace.length)]);
  return meanOf(steps.flatMap(({ confidence }) => confidence));
}

function certaintyCurve(trained: readonly Trace[], plain: readonly Trace[]): Figures {
  return {
    title: 'Mean confidence of the masked positions of a block, one token a step',
    head: ['share of the steps', before, 'trained'],
    rows: shares.map((share) => [share, certainty(plain, share), certainty(trained, share)]),
  };
}

export const dparallel: Proof = {
  slug: 'dparallel',
  claim:
    'At least 5 times fewer forwards than one token a step of the model before training, at most 2 points less accurate.',
  threshold: 5,
  model: 'house-dparallel',
  tasks: houseTasks,
  decoding,
  settings: 'the bar on entropy chosen on training problems, as the published 0.5 nats loses accuracy there',
  async run({ measure }) {
    await using base = await load(before);
    const ofBase = untrained(base);
    const [plain, trained] = [watched('one-token-a-step'), watched('one-token-a-step')];
    const measurements = await measure([
      ofBase({ ...oneTokenAStep, method: plain.method }),
      decoding,
      { ...oneTokenAStep, method: trained.method },
      ...bars,
      ...thresholds,
      ...[decoding, ...bars, ...thresholds].map(ofBase),
    ]);
    const [baseline, ours, slow] = measurements;
    const rules = 1 + bars.length + thresholds.length;
    const others = measurements.slice(-rules);
    const own = fewestKept([ours, ...measurements.slice(3, -rules)], baseline);
    const best = fewestKept(others, baseline);
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: [
        ...accuracyKept(ours, baseline),
        {
          text: 'fewest forwards of any bar that keeps the accuracy, against those before the training',
          unit: 'forwards',
          value: own ? forwardsOf(own) : Number.POSITIVE_INFINITY,
          bar: best ? forwardsOf(best) : Number.POSITIVE_INFINITY,
          holds: own !== undefined && best !== undefined && forwardsOf(own) < forwardsOf(best),
        },
      ],
      controls: [slow, others[0], ...(best ? [best] : [])].map((control) => controlOf(ours, control)),
      figures: [certaintyCurve(trained.traces, plain.traces)],
      measurements,
    };
  },
};
