/**
 * Deco-G (2025): a format that the model has not learned is kept to without the answers getting worse. Ours are word problems
 * for house-causal, whose answers must end in other words than it was trained on, against plain masking.
 */

import { templateRegex } from '../decode/constrained/index.ts';
import { pairedDifference } from '../tasks/paired.ts';
import { type Arm, measureArms } from './arms.ts';
import { controlOf } from './checks.ts';
import type { Measurement, Proof, TaskLevel } from './proof.ts';

const tasks: readonly TaskLevel[] = [1, 2].map((level) => ({ task: 'word-problems', level, maxTokens: 64 }));
/** Answers of at most so many tokens less than they might have were not cut short. */
const room = 2;

const formats = [
  { name: 'a full stop', template: '[text]\n#### [integer].' },
  { name: 'a record behind', template: '[text]\n#### [integer]\n{"done": true}' },
  { name: 'a heading and a unit', template: 'Steps:\n[text]\n#### [integer] points' },
];

interface FormatArm extends Arm {
  readonly regex?: string;
  readonly kind: 'free' | 'mask' | 'deco-g';
}

const free: FormatArm = { label: 'no format', method: 'greedy', kind: 'free' };
const arms: readonly FormatArm[] = [
  free,
  ...formats.flatMap(({ name, template }): FormatArm[] => {
    const regex = templateRegex(template);
    return [
      { label: `masked, ${name}`, method: 'greedy', kind: 'mask', regex },
      { label: `Deco-G, ${name}`, method: 'deco-g', kind: 'deco-g', regex },
    ];
  }),
];

/** What an arm has written, summed over problems. */
interface Written {
  answers: number;
  /** Answers of the format. */
  kept: number;
  /** -log p of the answers to the model, in nats. */
  loss: number;
  tokens: number;
  /** Answers that went on as long as they could. */
  long: number;
}

export const decoG: Proof = {
  slug: 'deco-g',
  claim:
    'In formats that the model was not trained on, every answer keeps to its format, more of them are right than under plain masking, and they lose at most half as many nats to the model.',
  threshold: 2,
  gain: "times plain masking's loss an answer, in nats, over Deco-G's",
  model: 'house-causal',
  tasks,
  decoding: { label: arms[2].label, method: 'deco-g' },
  settings: 'the defaults; three formats of another end than the one that was learned',
  async run(context) {
    const written = arms.map((): Written => ({ answers: 0, kept: 0, loss: 0, tokens: 0, long: 0 }));
    const measurements = await measureArms(context, arms, (arm, { problem }) => ({
      prompt: [{ role: 'user', content: problem.prompt }],
      options: { regex: arm.regex },
      observe({ text, committed, tokens }) {
        const sum = written[arms.indexOf(arm)];
        sum.answers++;
        sum.kept += Number(arm.regex !== undefined && new RegExp(`^(?:${arm.regex})$`, 'u').test(text));
        sum.loss -= committed.reduce((total, { probability }) => total + Math.log(probability), 0);
        sum.tokens += tokens.length;
        sum.long += Number(tokens.length > tasks[0].maxTokens - room);
      },
    }));
    const of = (kind: FormatArm['kind']) => arms.flatMap((arm, a) => (arm.kind === kind ? [a] : []));
    const [masked, led] = [of('mask'), of('deco-g')];
    const sum = (which: readonly number[], key: keyof Written) =>
      which.reduce((total, a) => total + written[a][key], 0);
    const right = (which: readonly number[]) =>
      which.flatMap((a) =>
        measurements[a].tasks.flatMap(({ outcomes }) => outcomes.map(({ correct }) => correct)),
      );
    const gain = pairedDifference(right(led), right(masked));
    const compliance = [masked, led].map((which) => ({
      kept: sum(which, 'kept'),
      all: sum(which, 'answers'),
    }));
    return {
      measured: sum(led, 'loss') / sum(led, 'answers'),
      baseline: sum(masked, 'loss') / sum(masked, 'answers'),
      conditions: [
        ...['plain masking', 'Deco-G'].map((name, i) => ({
          text: `answers of the format with ${name}`,
          unit: 'answers' as const,
          value: compliance[i].kept,
          bar: compliance[i].all,
          holds: compliance[i].kept === compliance[i].all,
        })),
        {
          text: 'lower end of the 95% interval of the gain in accuracy over plain masking',
          unit: 'points',
          value: gain.low,
          bar: 0,
          holds: gain.low > 0,
        },
      ],
      controls: led.flatMap((a) => {
        const control = (other: Measurement, label: string) => ({
          ...controlOf(measurements[a], other),
          label: `${label} (of ${arms[a].label})`,
        });
        return [control(measurements[a - 1], 'plain masking'), control(measurements[0], free.label)];
      }),
      figures: [
        {
          title: 'What was written: loss to the model in nats, tokens, and share that went on to the limit',
          head: ['', 'nats an answer', 'tokens an answer', 'to the limit'],
          rows: arms.map(({ label }, a) => {
            const { answers, loss, tokens, long } = written[a];
            return [label, loss / answers, tokens / answers, (long / answers).toFixed(3)];
          }),
        },
      ],
      measurements,
    };
  },
};
