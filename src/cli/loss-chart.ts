/** A loss curve in a few lines of a terminal. */

import { pad } from './text-width.ts';

/** Fillings of a cell, from its bottom. */
const eighths = ['', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const rows = 6;
const mostColumns = 60;

/** Three significant digits. */
export const formatLoss = (loss: number): string => String(Number(loss.toPrecision(3)));

/** Means of consecutive values, as many as there are columns at most. */
function buckets(values: readonly number[], columns: number): number[] {
  const count = Math.min(columns, values.length);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map((n) => Math.floor((n * values.length) / count));
    return values.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
  });
}

/**
 * Columns as high as the losses of a run, on a logarithmic scale if they are all positive; none for fewer than two.
 * @param last number of the last step
 */
export function lossChart(losses: readonly number[], last: number, terminal = Infinity): string[] {
  if (losses.length < 2) return [];
  const means = buckets(losses, Math.max(2, Math.min(mostColumns, terminal - 14)));
  const scale = means.every((mean) => mean > 0) ? Math.log : (value: number) => value;
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const span = scale(high) - scale(low) || 1;
  // The lowest loss has a sliver, so that the line has no gap.
  const heights = means.map((mean) => 1 + Math.round(((scale(mean) - scale(low)) / span) * (rows * 8 - 1)));
  const [top, bottom] = [formatLoss(high), formatLoss(low)];
  const labels = Math.max(top.length, bottom.length);
  const lines = Array.from({ length: rows }, (_, row) => {
    const label = row === 0 ? top : row === rows - 1 ? bottom : '';
    const below = (rows - 1 - row) * 8;
    const cells = heights.map((height) => eighths[Math.min(8, Math.max(0, height - below))] || ' ');
    return `${pad(label, labels, true)} │${cells.join('')}`.trimEnd();
  });
  const [from, to] = [`${last - losses.length + 1} `, String(last)];
  const steps = from + pad(to, means.length - from.length, true);
  return [...lines, `${' '.repeat(labels)}  ${steps}`];
}
