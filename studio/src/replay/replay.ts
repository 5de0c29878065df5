/** What a run looked like after any of its steps, computed from the Step records alone. Pure. */

import type { Step } from '../../../src/decode/step.ts';

/** A place of the answer. */
export interface Cell {
  token: number;
  /** The model's probability of the token; undefined where no step says. */
  probability?: number;
  /** Index of the step that put the token here. */
  step: number;
}

/**
 * The answer after the first `count` steps, by position; undefined where nothing is committed. Canvas methods show
 * the whole canvas, and may take a token back.
 */
export function cellsAt(steps: readonly Step[], count: number): (Cell | undefined)[] {
  const cells: (Cell | undefined)[] = [];
  for (const [index, { committed, canvas }] of steps.slice(0, count).entries()) {
    for (const { position, token, probability } of committed)
      cells[position] = { token, probability, step: index };
    if (!canvas) continue;
    for (const [position, token] of canvas.entries()) {
      if (token < 0) cells[position] = undefined;
      else if (cells[position]?.token !== token) cells[position] = { token, step: index };
    }
    cells.length = canvas.length;
  }
  return Array.from(cells);
}

/** How long the canvas is from the beginning; 0 for methods that write from left to right. */
export function canvasLength(steps: readonly Step[]): number {
  return steps.find(({ canvas }) => canvas)?.canvas?.length ?? 0;
}

/** The text that was final after the first `count` steps. */
export function textAt(steps: readonly Step[], count: number): string {
  return steps
    .slice(0, count)
    .map(({ text }) => text)
    .join('');
}

/** A draft token with what follows it. */
export interface Branch {
  token: number;
  accepted: boolean;
  next: Branch[];
}

/** The draft of a step as a forest, accepted branches first. */
export function branchesOf({ proposed }: Pick<Step, 'proposed'>): Branch[] {
  const branches: Branch[] = proposed.map(({ token, accepted }) => ({ token, accepted, next: [] }));
  const roots: Branch[] = [];
  for (const [index, { parent }] of proposed.entries())
    (parent < 0 ? roots : branches[parent].next).push(branches[index]);
  for (const list of [roots, ...branches.map(({ next }) => next)])
    list.sort((a, b) => Number(b.accepted) - Number(a.accepted));
  return roots;
}

/** Sums over the first `count` steps. */
export function totalsAt(steps: readonly Step[], count: number) {
  const totals = { forwards: 0, rows: 0, tokens: 0, drafted: 0, accepted: 0, seconds: 0 };
  for (const { forwards, rows, committed, proposed, seconds } of steps.slice(0, count)) {
    totals.forwards += forwards;
    totals.rows += rows;
    totals.tokens += committed.length;
    totals.drafted += proposed.length;
    totals.accepted += proposed.filter(({ accepted }) => accepted).length;
    totals.seconds += seconds;
  }
  return totals;
}
