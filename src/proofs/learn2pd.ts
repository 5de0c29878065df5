/**
 * Learn2PD with EoTP (2025): a filter over the confidences of a block knows which predictions are final. Ours is four times
 * fewer forwards; controls are one bar on confidence that errs as often, and each half of the method by itself, and the
 * figures say how near it comes to the oracle and what cutting the canvas saves.
 */

import { openFilter } from '../decode/masked-diffusion/confidence-filter-disk.ts';
import { oracle } from '../decode/masked-diffusion/oracle.ts';
import { totalsOf } from '../tasks/measure.ts';
import { accuracyKept, asFast, controlOf, forwardsOf, sameAnswers } from './checks.ts';
import { houseTasks, oneTokenAStep, thresholdOf, thresholds } from './house-tasks.ts';
import type { Decoding, Figures, Measurement, Proof } from './proof.ts';
import { finalTokens, type Trace } from './trace.ts';
import { watched } from './variant.ts';

const filterName = 'house-diffusion-filter';
const method = 'learn2pd';

const decoding: Decoding = { label: method, method, options: { filter: filterName } };
const filterAlone: Decoding = {
  label: 'the filter alone',
  method,
  options: { filter: filterName, eotp: 'off' },
};
const endAlone: Decoding = { label: 'EoTP alone', method, options: { tau: 1 } };
const published: Decoding = {
  label: 'any predicted end cuts',
  method,
  options: { filter: filterName, eotp: 'any' },
};

/** Twice the room, where the answers need no more. */
const roomy = houseTasks.map((task) => ({ ...task, maxTokens: 64 }));

/** The canvas that a static trajectory ended with. */
function canvasOf(trace: Trace): number[] {
  const final = finalTokens(trace);
  return Array.from({ length: final.size }, (_, position) => final.get(position)!);
}

/** Rows of a canvas method on two lengths of the canvas. */
function rowsByLength(narrow: readonly Measurement[], wide: readonly Measurement[]): Figures {
  const rows = ({ tasks }: Measurement) => totalsOf(tasks).rows;
  return {
    title: 'Mean rows run through the model for an answer, on canvases that just hold it and on ones of 64',
    head: ['', 'just hold it', '64', 'times as many'],
    rows: narrow.map((one, d) => [
      one.decoding.label,
      rows(one),
      rows(wide[d]),
      rows(wide[d]) / Math.max(1, rows(one)),
    ]),
  };
}

export const learn2pd: Proof = {
  slug: 'learn2pd',
  claim: 'At least 4 times fewer forwards than one token a step, at most 2 points less accurate.',
  threshold: 4,
  model: 'house-diffusion',
  tasks: houseTasks,
  decoding,
  settings:
    'those that the filter was saved with: at most 1% wrong on training problems that it has not seen',
  async run({ measure }) {
    const { facts } = await openFilter(filterName);
    const asWrong = { ...thresholdOf(facts.confidence), label: 'a threshold that is wrong as often' };
    const { method: plain, traces } = watched('one-token-a-step');
    const [baseline, ours, filter, end, anyEnd, threshold, ...lowered] = await measure([
      { ...oneTokenAStep, method: plain },
      decoding,
      filterAlone,
      endAlone,
      published,
      asWrong,
      ...thresholds,
    ]);
    let answer = 0;
    const [best] = await measure([{ label: 'the oracle', method: oracle(() => canvasOf(traces[answer++])) }]);
    const wide = await measure([oneTokenAStep, decoding, endAlone], roomy);
    const answers = totalsOf(ours.tasks).samples;
    const same = sameAnswers(best, baseline);
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: [
        ...accuracyKept(ours, baseline),
        {
          text: 'forwards, against those of a threshold that is wrong as often on validation problems',
          unit: 'forwards',
          value: forwardsOf(filter),
          bar: forwardsOf(threshold),
          holds: forwardsOf(filter) < forwardsOf(threshold),
        },
        {
          text: "answers of the oracle that are the baseline's",
          unit: 'answers',
          value: same,
          bar: answers,
          holds: same === answers,
        },
      ],
      controls: [filter, end, anyEnd, threshold, asFast(ours, lowered)].map((one) => controlOf(ours, one)),
      figures: [
        {
          title: 'Answers that are the same as with one token a step, and forwards',
          head: ['', 'the same', 'forwards'],
          rows: [ours, filter, threshold, best].map((one) => [
            one.decoding.label,
            sameAnswers(one, baseline) / answers,
            forwardsOf(one),
          ]),
        },
        rowsByLength([baseline, ours, end], wide),
      ],
      measurements: [baseline, ours, filter, end, anyEnd, threshold, ...lowered, best],
    };
  },
};
