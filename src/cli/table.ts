/** Tables of text for people. */

import { pad, textWidth, truncate } from './text-width.ts';

export interface Column {
  title: string;
  /** Numbers stand to the right. */
  right?: boolean;
  /** Gives way when the table is wider than the terminal. */
  flexible?: boolean;
}

const gap = '  ';
const leastFlexible = 12;

/**
 * Lines of a table, its header first.
 * @param columns width of the terminal; without it nothing is cut
 */
export function tableLines(
  head: readonly Column[],
  rows: readonly (readonly string[])[],
  columns = Infinity,
): string[] {
  const widths = head.map(({ title }, i) =>
    Math.max(...[title, ...rows.map((row) => row[i])].map(textWidth)),
  );
  const total = widths.reduce((sum, width) => sum + width + gap.length, -gap.length);
  const flexible = head.findIndex((column) => column.flexible);
  if (flexible !== -1 && total > columns) {
    widths[flexible] = Math.max(leastFlexible, widths[flexible] - (total - columns));
  }
  return [head.map(({ title }) => title), ...rows].map((cells) =>
    cells
      .map((cell, i) => pad(truncate(cell, widths[i]), widths[i], head[i].right))
      .join(gap)
      .trimEnd(),
  );
}
