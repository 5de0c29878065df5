/** The figures of a run as rows of text cells, for the terminal and for Markdown. */

import { median } from './engines/engine.ts';
import { type EngineId, engineIds, engines } from './engines/index.ts';
import { type Measurement, medianOf, type Results } from './results.ts';
import { roofline } from './roofline.ts';

export interface Table {
  title: string;
  head: string[];
  rows: string[][];
}

const digits = (value: number) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** A figure for people: its value in the unit the table names. */
function cell({ name, values }: Measurement): string {
  const scale = name === 'memory' ? 2 ** -20 : 1;
  const best = name === 'batch' ? Math.max(...values) : Math.min(...values);
  return `${digits(median(values) * scale)} (${digits(best * scale)})`;
}

const sections = [
  {
    name: 'prefill',
    title: 'Prefill: ms to the first token of a prompt',
    label: (size: number) => `${size} tokens`,
  },
  { name: 'decode', title: 'Decode: ms per token at batch 1', label: (size: number) => `context ${size}` },
  {
    name: 'rows',
    title: 'Verify: ms of one forward with so many scored rows',
    label: (size: number) => `${size} rows`,
  },
  {
    name: 'batch',
    title: 'Batch: tokens per second of so many sequences at once',
    label: (size: number) => `${size} sequences`,
  },
  { name: 'load', title: 'Load: ms until the engine is ready', label: () => 'load' },
  { name: 'memory', title: 'Memory: peak MiB of the process after a 512-token prompt', label: () => 'peak' },
] as const;

/** Engines that were measured, in the table's order. */
export function measuredEngines({ measurements }: Results): EngineId[] {
  return engineIds.filter((id) => measurements.some(({ engine }) => engine === id));
}

/** One table per section that was measured: median (best) of each engine, and the roofline of Quickstep w8a8. */
export function tables(results: Results): Table[] {
  const ids = measuredEngines(results);
  const present = sections.filter(({ name }) => results.measurements.some((m) => m.name === name));
  return present.map(({ name, title, label }) => {
    const measured = results.measurements.filter((m) => m.name === name);
    const sizes = [...new Set(measured.map(({ size }) => size))].sort((a, b) => a - b);
    const bounded = roofline(results, 'quickstep-w8a8', name, sizes[0]) !== undefined;
    const rows = sizes.map((size) => [
      label(size),
      ...ids.map((id) => {
        const found = measured.find((m) => m.engine === id && m.size === size);
        return found ? cell(found) : '';
      }),
      ...(bounded ? [digits(roofline(results, 'quickstep-w8a8', name, size)!)] : []),
    ]);
    const head = ['', ...ids.map((id) => engines[id].label), ...(bounded ? ['roofline w8a8'] : [])];
    return { title, head, rows };
  });
}

/** Cost of scoring several rows relative to one row, of each engine. */
export function rowRatios(results: Results): Table {
  const ids = measuredEngines(results);
  const sizes = [...new Set(results.measurements.filter((m) => m.name === 'rows').map((m) => m.size))];
  const rows = sizes
    .filter((size) => size > 1)
    .sort((a, b) => a - b)
    .map((size) => [
      `${size} rows`,
      ...ids.map((id) => {
        const many = medianOf(results, id, 'rows', size);
        const one = medianOf(results, id, 'rows', 1);
        return many && one ? `${(many / one).toFixed(2)}x` : '';
      }),
    ]);
  return {
    title: 'Verify: cost relative to one row',
    head: ['', ...ids.map((id) => engines[id].label)],
    rows,
  };
}

/** Columns aligned with spaces. */
export function asText({ title, head, rows }: Table): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  ');
  return [title, line(head), ...rows.map(line)].join('\n');
}

export function asMarkdown({ title, head, rows }: Table): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const rule = `| --- |${' ---: |'.repeat(head.length - 1)}`;
  return [`### ${title}`, '', line(head), rule, ...rows.map(line)].join('\n');
}
