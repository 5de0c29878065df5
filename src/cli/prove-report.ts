/** What a proof has found, for people. */

import type { Condition, Figures, Measurement } from '../proofs/proof.ts';
import type { Verdict } from '../proofs/prove.ts';
import { differenceOf, totalsOf } from '../tasks/measure.ts';
import { tableLines } from './table.ts';

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** A difference of accuracies in points. */
function points(difference: number): string {
  const rounded = (100 * difference).toFixed(1);
  return `${difference >= 0 && !rounded.startsWith('-') ? '+' : ''}${rounded}`;
}

const interval = ({ low, high }: { low: number; high: number }) => `(${points(low)} to ${points(high)})`;

/** Numbers of one column, with as many digits each: counts none, shares three. */
function column(values: readonly (number | string)[]): string[] {
  const numbers = values.filter((value) => typeof value === 'number');
  const digits = numbers.every(Number.isInteger) ? 0 : numbers.every((value) => Math.abs(value) <= 1) ? 3 : 2;
  return values.map((value) => (typeof value === 'number' ? value.toFixed(digits) : value));
}

/** A line for each decoding: accuracy and mean forwards on each task and on all, and what the baseline makes of it. */
export function measurementLines(measurements: readonly Measurement[], columns?: number): string[] {
  const [baseline] = measurements;
  const right = (title: string) => ({ title, right: true });
  const cell = (totals: { accuracy: number; forwards: number }) =>
    `${percent(totals.accuracy)} in ${totals.forwards.toFixed(2)}`;
  const head = [
    { title: 'right answers in forwards', flexible: true },
    ...baseline.tasks.map(({ task }) => right(`${task.task} ${task.level}`)),
    right('all'),
    right('points (95% interval)'),
    right('fewer'),
  ];
  const plain = totalsOf(baseline.tasks).forwards;
  const rows = measurements.map(({ decoding, tasks }) => {
    const all = totalsOf(tasks);
    const against = differenceOf(tasks, baseline.tasks);
    const isBaseline = tasks === baseline.tasks;
    return [
      decoding.label,
      ...tasks.map((task) => cell(totalsOf([task]))),
      cell(all),
      isBaseline ? '' : `${points(against.difference)} ${interval(against)}`,
      isBaseline || all.forwards === 0 ? '' : `${(plain / all.forwards).toFixed(2)}x`,
    ];
  });
  return tableLines(head, rows, columns);
}

function figureLines({ title, head, rows }: Figures, columns: number): string[] {
  const titles = head.map((text, i) => ({ title: text, right: i > 0, flexible: i === 0 }));
  const cells = head.map((_, i) => column(rows.map((row) => row[i])));
  const lines = tableLines(
    titles,
    rows.map((_, r) => cells.map((texts) => texts[r])),
    columns,
  );
  return ['', title, ...lines.map((line) => `  ${line}`)];
}

/** Values of a condition by unit. */
const shown: Readonly<Record<Condition['unit'], (value: number) => string>> = {
  points: (value) => `${points(value)} points`,
  forwards: (value) => value.toFixed(2),
  answers: String,
  tasks: String,
  times: (value) => `${value.toFixed(2)}x`,
  perplexity: (value) => value.toFixed(2),
  // Counts, or means of them.
  tokens: (value) => value.toFixed(Number.isInteger(value) ? 0 : 2),
  slots: String,
  nats: (value) => `${value.toPrecision(2)} nats`,
};

/** The whole report. */
export function verdictLines(verdict: Verdict, columns: number): string[] {
  const { slug, claim, model, seed, samples, split, settings, measurements, controls, figures } = verdict;
  const tasks = verdict.tasks.map(({ task, level }) => `${task} ${level}`).join(', ');
  const problems = split === 'test' ? 'unseen problems' : 'TRAINING problems';
  const head = [
    { title: '' },
    { title: 'measured', right: true },
    { title: 'bar', right: true },
    { title: '' },
  ];
  const verdictOf = (holds: boolean) => (holds ? 'holds' : 'FAILS');
  const { ratio, threshold, gain } = verdict;
  const rows = [
    [verdictOf(ratio >= threshold), `${ratio.toFixed(2)}x`, `${Number(threshold.toFixed(2))}x`, gain],
    ...verdict.conditions.map(({ text, unit, value, bar, holds }) => [
      verdictOf(holds),
      shown[unit](value),
      shown[unit](bar),
      text,
    ]),
  ];
  return [
    `${slug}: ${claim}`,
    `${model}, seed ${seed}: ${samples} ${problems}${tasks ? ` each of ${tasks}` : ''}; settings: ${settings}`,
    ...(measurements.length > 0 ? ['', ...measurementLines(measurements, columns)] : []),
    ...figures.flatMap((figure) => figureLines(figure, columns)),
    ...(controls.length > 0 ? ['', 'Controls (accuracy of the method less theirs)'] : []),
    ...controls.map((control) => {
      const { label, forwards, difference, verdict: told } = control;
      return `  ${points(difference)} points ${interval(control)} ${told}: ${label}, in ${forwards.toFixed(2)} forwards`;
    }),
    '',
    ...tableLines(head, rows, columns),
    '',
    verdict.holds ? 'The claim holds.' : 'The claim does not hold.',
  ];
}
