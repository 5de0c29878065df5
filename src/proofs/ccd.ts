/**
 * Coherent contextual decoding (2025, arXiv:2512.02044): commit ahead of time what holds over two steps. Ours is half the
 * forwards; the control fills as many tokens a step by confidence alone, and the figures say what coherence tells.
 */

import { ContextMixture } from '../decode/masked-diffusion/context-mixture.ts';
import { measures } from '../decode/masked-diffusion/orders.ts';
import { areaUnderCurve, type Judged } from '../tasks/area-under-curve.ts';
import { type TaskLevel, totalsOf } from '../tasks/measure.ts';
import { accuracyKept, asFast, controlOf, forwardsOf } from './checks.ts';
import { houseTasks, oneTokenAStep, thresholds } from './house-tasks.ts';
import type { Decoding, Figures, Proof } from './proof.ts';
import { predictionsOf, type Trace, type TraceStep } from './trace.ts';
import { watched } from './variant.ts';

const seek = (expandRatio: number): Decoding => ({
  label: `ccd, expand ratio ${expandRatio}`,
  method: 'ccd',
  options: { expandRatio },
});

const decoding = seek(4);
const others: readonly Decoding[] = [
  ...[0, 1, 2, 8].map(seek),
  { label: 'ccd, mixture of 3 contexts', method: 'ccd', options: { contexts: 3 } },
];
const uniform: Decoding = { label: 'ccd, one token a step', method: 'ccd', options: { budget: 'uniform' } };
const byEntropy: Decoding = {
  label: 'one token a step by entropy',
  method: 'diffusion',
  options: { blockLength: 0, order: 'entropy' },
};

const contexts = 3;
const topTokens = 16;

/** One token a step by entropy; noted is the negative entropy of the prediction averaged over the last contexts. */
function withMixtures() {
  return watched('by-entropy', (parts) => {
    const mixture = new ContextMixture(contexts, topTokens);
    const mixed = new Map<number, number>();
    return {
      parts: {
        ...parts,
        shape: (logits, position) => {
          const averaged = logits.slice();
          mixture.shape(averaged, position);
          mixed.set(position, measures.entropy!(averaged, 0));
        },
      },
      note: (position) => mixed.get(position)!,
    };
  });
}

/** How well each score tells predictions that are final from those that are not. */
function signals(traces: readonly Trace[]): Figures {
  const now: Judged[] = [];
  const averaged: typeof now = [];
  const coherent: typeof now = [];
  for (const trace of traces) {
    const before = new Map<TraceStep, TraceStep>(trace.slice(1).map((step, i) => [step, trace[i]]));
    for (const { step, index, isFinal: right } of predictionsOf(trace)) {
      const last = before.get(step);
      // Without a step before, nothing can be coherent.
      if (!last) continue;
      const entropy = step.confidence[index];
      now.push({ score: entropy, right });
      averaged.push({ score: step.notes[index], right });
      const agrees = last.tokens[last.positions.indexOf(step.positions[index])] === step.tokens[index];
      // Whatever agrees ranks above whatever does not; entropies of this vocabulary are below its logarithm.
      coherent.push({ score: agrees ? entropy : entropy - 1000, right });
    }
  }
  return {
    title: 'How well a score tells predictions that are final already (AUC; 0.5 is chance)',
    head: ['score', 'AUC'],
    rows: [
      ['entropy of this step', areaUnderCurve(now)],
      [`entropy of the mean of ${contexts} steps`, areaUnderCurve(averaged)],
      ['the same token as in the step before, then entropy', areaUnderCurve(coherent)],
    ],
  };
}

export const ccd: Proof = {
  slug: 'ccd',
  claim: 'At least 2 times fewer forwards than one token a step, at most 2 points less accurate.',
  threshold: 2,
  model: 'house-diffusion',
  tasks: houseTasks,
  decoding,
  settings: 'those of the released code',
  async run({ measure }) {
    const { method, traces } = withMixtures();
    const measured = await measure([
      oneTokenAStep,
      decoding,
      { ...byEntropy, method },
      uniform,
      ...others,
      ...thresholds,
    ]);
    const [baseline, ours, plain, coherent] = measured;
    const steps = (task: TaskLevel) =>
      Math.round(totalsOf(ours.tasks.filter(({ task: asked }) => asked === task)).forwards);
    const [asManySteps] = await measure([
      {
        label: 'as many steps of equal size, by entropy',
        method: 'diffusion',
        options: (task) => ({ ...byEntropy.options, steps: Math.max(1, steps(task)) }),
      },
    ]);
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: accuracyKept(ours, baseline),
      controls: [
        controlOf(ours, asManySteps),
        controlOf(ours, asFast(ours, measured.slice(-thresholds.length))),
        controlOf(coherent, plain),
      ],
      figures: [signals(traces)],
      measurements: [...measured, asManySteps],
    };
  },
};
