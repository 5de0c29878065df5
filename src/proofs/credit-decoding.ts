/**
 * CreditDecoding (2025): tokens that have led for some steps cross the threshold sooner. The paper counts against one token
 * a step, and so does ours; controls are the threshold alone, and the threshold on logits that are merely sharpened.
 */

import { withCredit } from '../decode/masked-diffusion/credit-decoding.ts';
import { accuracyKept, asFast, controlOf, forwardsOf } from './checks.ts';
import { houseTasks, measuredOf, oneTokenAStep, thresholdOf, thresholds } from './house-tasks.ts';
import type { Decoding, Proof } from './proof.ts';
import { delays, meanOf } from './trace.ts';
import { variant, watched } from './variant.ts';

/** The defaults of the authors' implementation; they are those of the method. */
const credit = { creditWeight: 0.7, creditExponent: 0.2, creditDecay: 0.8 };
const threshold = 0.98;

const creditAt = (bar: number): Decoding => ({
  label: `credit-decoding, threshold ${bar}`,
  method: 'credit-decoding',
  options: { threshold: bar, ...credit },
});

const decoding = creditAt(threshold);
const others = [0.7, 0.8, 0.9, 0.95, 0.99].map(creditAt);

/** Logits times a factor: surer from the first step on, whatever has led before. */
const sharpened = [1.05, 1.1, 1.15, 1.2, 1.3].map(
  (sharpness): Decoding => ({
    label: `threshold ${threshold}, logits x ${sharpness}`,
    method: variant('sharpened', (parts) => ({
      ...parts,
      shape: (logits) => {
        for (let id = 0; id < logits.length; id++) logits[id] *= sharpness;
      },
    })),
    options: { threshold },
  }),
);

export const creditDecoding: Proof = {
  slug: 'credit-decoding',
  claim: 'At least 3 times fewer forwards than one token a step, at most 2 points less accurate.',
  threshold: 3,
  model: 'house-diffusion',
  tasks: houseTasks,
  decoding,
  settings:
    "credit by the defaults of the authors' implementation; the threshold chosen on training problems, as the usual 0.9 loses accuracy there",
  async run({ measure }) {
    const same = thresholdOf(threshold);
    const withoutCredit = watched('threshold');
    const underCredit = watched('credit', (parts) => ({ parts: withCredit(parts, credit) }));
    const measurements = await measure([
      oneTokenAStep,
      { ...decoding, method: underCredit.method, options: { threshold } },
      ...thresholds.map((one) => (one.label === same.label ? { ...one, method: withoutCredit.method } : one)),
      ...sharpened,
      ...others,
    ]);
    const [baseline, ours] = measurements;
    const of = (decodings: readonly Decoding[]) => decodings.map((one) => measuredOf(measurements, one));
    const plain = measuredOf(measurements, same);
    const delay = ({ traces }: typeof underCredit) => meanOf(traces.flatMap(delays));
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: [
        ...accuracyKept(ours, baseline),
        {
          text: `forwards, against those of ${plain.decoding.label} without credit`,
          unit: 'forwards',
          value: forwardsOf(ours),
          bar: forwardsOf(plain),
          holds: forwardsOf(ours) < forwardsOf(plain),
        },
      ],
      controls: [plain, asFast(ours, of(thresholds)), asFast(ours, of(sharpened))].map((control) =>
        controlOf(ours, control),
      ),
      figures: [
        {
          title: "Mean steps from when a position's final token leads for good to its commit",
          head: ['', 'steps'],
          rows: [
            [plain.decoding.label, delay(withoutCredit)],
            [decoding.label, delay(underCredit)],
          ],
        },
      ],
      measurements,
    };
  },
};
