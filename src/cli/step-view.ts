/**
 * One decoding step as text for people. In a terminal: counters, then the committed tokens coloured by probability
 * (bold when they were drafted), and below them the rejected drafts, struck out, each where it left the accepted
 * path. A canvas is drawn whole, filling up from step to step. In a pipe: one plain line. Pure: a Step in, a string out.
 */

import type { DraftToken, Step } from '../decode/step.ts';
import { canvasPieces } from './canvas-view.ts';
import { type Paint, probabilityScale } from './paint.ts';
import { pad, printable, textWidth, truncate } from './text-width.ts';

export interface StepView {
  /** Text of a token, for people. */
  tokenText(token: number): string;
  paint: Paint;
  /** Width of the terminal. */
  columns: number;
}

const counters = [
  { title: 'step', width: 5, of: (step: Step) => String(step.step) },
  { title: 'rows', width: 6, of: (step: Step) => String(step.rows) },
  { title: 'slots', width: 7, of: (step: Step) => String(step.slots) },
  { title: 'ms', width: 8, of: (step: Step) => (step.seconds * 1000).toFixed(1) },
  { title: 'draft', width: 7, of: ({ proposed }: Step) => (proposed.length > 0 ? accepted(proposed) : '') },
] as const;

/** Column where the tokens begin. */
const left = counters.reduce((sum, { width }) => sum + width, 2);
const leastTokens = 20;
/** Columns a rejected branch gets at least; it moves to the left for them. */
const leastBranch = 8;

const accepted = (proposed: Step['proposed']): string =>
  `${proposed.filter((draft) => draft.accepted).length}/${proposed.length}`;

/** A token's text on one line: line breaks and tabs become signs, control characters visible. */
export function tokenLabel(text: string): string {
  return printable(text).replaceAll('\n', '↵').replaceAll('\t', '⇥');
}

/**
 * The titles of the columns, and what the colours mean. Ends with a line break.
 * @param step one of the steps that follow
 */
export function stepHeader({ paint }: Pick<StepView, 'paint'>, step?: Step): string {
  const titles = counters.map(({ title, width }) => pad(title, width, true)).join('');
  const swatches = probabilityScale.map((_, i) => paint.probability('■', i / probabilityScale.length + 0.01));
  const scale = paint.depth === 1 ? '' : ` ${swatches.join('')} by probability,`;
  const legend = step?.canvas
    ? `tokens${scale} ${paint.depth === 1 ? '[committed now]' : paint.bold('committed now')}, ${paint.dim('· masked')}`
    : `tokens${scale} ${paint.bold('drafted')}, ${paint.depth === 1 ? '╰' : ''}${paint.struck('rejected')}`;
  return `${paint.dim(titles)}  ${legend}\n`;
}

/** A step in a terminal of `columns`; one or more lines, each with its line break. */
export function drawStep(step: Step, view: StepView): string {
  const { paint, tokenText } = view;
  const columns = Math.max(view.columns, left + leastTokens) - 1;
  const path = step.proposed.filter((draft) => draft.accepted);
  const lines = [`${paint.dim(counters.map(({ of, width }) => pad(of(step), width, true)).join(''))}  `];
  let column = left;
  const write = (text: string, painted: (text: string) => string) => {
    const shown = truncate(text, columns - left);
    const width = textWidth(shown);
    if (column > left && column + width > columns) {
      lines.push(' '.repeat(left));
      column = left;
    }
    lines[lines.length - 1] += painted(shown);
    column += width;
  };
  /** Column behind each accepted draft, by its index in the path. */
  const behind: number[] = [];
  if (step.canvas) {
    const label = (token: number) => tokenLabel(tokenText(token));
    for (const piece of canvasPieces(step.canvas, step.committed, label, paint))
      write(piece.text, piece.paint);
  }
  for (const [i, { token, probability }] of step.canvas ? [] : step.committed.entries()) {
    const drafted = path[i]?.token === token;
    write(tokenLabel(tokenText(token)), (text) => paint.probability(text, probability, drafted));
    behind.push(column);
  }
  if (step.kind === 'prefill') write('reading the prompt', paint.dim);
  if (step.finish) write(` ■ ${step.finish}`, paint.dim);

  const after = (node: number) => (node === -1 ? left : behind[path.indexOf(step.proposed[node])]);
  for (const { from, text } of rejectedBranches(step.proposed, tokenText)) {
    const place = after(from) ?? left;
    const start = place + leastBranch > columns ? left : place;
    const shown = truncate(text, columns - start);
    lines.push(`${' '.repeat(start - 1)}${paint.dim('╰')}${paint.struck(shown)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Rejected drafts as chains: the accepted node (-1: the committed text) each leaves from, and its text. */
function rejectedBranches(
  proposed: readonly DraftToken[],
  tokenText: StepView['tokenText'],
): { from: number; text: string }[] {
  const branches: { from: number; text: string }[] = [];
  const chainOf = proposed.map(() => -1);
  const extended = new Set<number>();
  for (const [i, { token, parent, accepted }] of proposed.entries()) {
    if (accepted) continue;
    const label = tokenLabel(tokenText(token));
    const chain = parent === -1 ? -1 : chainOf[parent];
    if (chain !== -1 && !extended.has(parent)) {
      // The first rejected child goes on in its parent's chain.
      branches[chain].text += label;
      chainOf[i] = chain;
      extended.add(parent);
      continue;
    }
    // A sibling repeats what leads to it, so that each line reads by itself.
    const prefix = chain === -1 ? '' : textTo(proposed, parent, tokenText);
    const from = chain === -1 ? parent : branches[chain].from;
    chainOf[i] = branches.push({ from, text: prefix + label }) - 1;
  }
  return branches;
}

/** Text of the rejected drafts that end in `node`. */
function textTo(proposed: readonly DraftToken[], node: number, tokenText: StepView['tokenText']): string {
  let text = '';
  for (let i = node; i !== -1 && !proposed[i].accepted; i = proposed[i].parent) {
    text = tokenLabel(tokenText(proposed[i].token)) + text;
  }
  return text;
}

/**
 * A step as one line for logs: `+` accepted draft, `-` rejected draft; the position before a token where the order is
 * free. Ends with a line break.
 */
export function plainStep(step: Step, tokenText: StepView['tokenText']): string {
  const quoted = (token: number) => JSON.stringify(printable(tokenText(token)));
  const path = step.proposed.filter((draft) => draft.accepted);
  const parts = step.committed.map(({ position, token, probability }, i) => {
    const drafted = path[i]?.token === token ? '+' : '';
    const place = step.canvas ? `${position} ` : '';
    return `${place}${drafted}${quoted(token)} ${(probability * 100).toFixed(0)}%`;
  });
  const rejected = step.proposed.filter((draft) => !draft.accepted).map(({ token }) => `-${quoted(token)}`);
  if (step.kind === 'prefill') parts.push('reading the prompt');
  if (step.finish) parts.push(`finish ${step.finish}`);
  const counts = `${step.rows} rows, ${step.slots} slots, ${(step.seconds * 1000).toFixed(1)} ms`;
  return `step ${step.step}: ${counts}: ${[...parts, ...rejected].join(', ')}\n`;
}
