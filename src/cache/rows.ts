/**
 * The rows of one forward: positions and attention bias for new tokens of any number of sequences.
 * A row sees the cached entries of its own sequence that lie before it, its ancestors among the new rows, and itself;
 * bidirectional rows see all entries and their whole group. Chains, draft trees (SpecInfer's ancestor masks), batches,
 * sliding windows and the middle of a cached text are nothing but this mask, so one graph runs them all.
 *
 * Masked is -1e9, never -Infinity: a row that sees nothing in one block would become NaN in the softmax
 * (-Infinity minus -Infinity), while exp(-1e9 - max) is exactly 0 in float32, so a masked slot has no influence.
 */

import { QuickstepError } from '../errors.ts';
import { allocateFloats } from './allocate.ts';
import type { Sequence } from './sequence.ts';

/** Bias of a key that a row must not see. A visible key has bias 0. */
export const masked = -1e9;

/** New rows of one sequence. Groups never see each other, even two groups of the same sequence. */
export interface RowGroup {
  readonly sequence: Sequence;
  /** How many rows, at least 1. */
  readonly rows: number;
  /**
   * Parent row of each row within the group, `[rows]`: lower than the row itself, or -1 for a child of the cached
   * prefix. Without it the rows are a chain. Siblings share a position.
   */
  readonly parents?: ArrayLike<number>;
  /** Whether rows see what lies behind them; without it as the options say. */
  readonly attention?: Attention;
  /** Position of the first row, where the sequence has a gap for the rows; its `nextPosition` without it. */
  readonly from?: number;
}

export type Attention = 'causal' | 'bidirectional';

export interface RowOptions {
  readonly attention: Attention;
  /** Sliding window: a row sees keys fewer than this many positions away, itself included. */
  readonly window?: number;
  /** Fill up with rows that see only themselves, as lanes of one forward have equally many; default: none. */
  readonly padTo?: number;
}

/** Graph inputs of one forward. The arrays belong to the scratch, if one was given, until its next use. */
export interface Rows {
  /** All rows of all groups, padding included. */
  readonly rows: number;
  /** First row of each group, `[groups]`. */
  readonly offsets: number[];
  /** Rotary position of each row, `[rows]`: that of the group's first row plus the row's depth. */
  readonly positions: Int32Array;
  /** Additive attention bias, `[rows, capacity + rows]`: cached slots first, then the new rows. */
  readonly bias: Float32Array;
}

/** Buffers reused from step to step, so that decoding does not allocate a bias for each token. */
export class RowScratch {
  #positions = new Int32Array(0);
  #bias = new Float32Array(0);

  /** @internal */
  positions(length: number): Int32Array {
    if (length > this.#positions.length) this.#positions = new Int32Array(length);
    return this.#positions.subarray(0, length);
  }

  /** @internal */
  bias(length: number): Float32Array {
    if (length > this.#bias.length) {
      this.#bias = allocateFloats(length, 'the attention bias', 'Decode the prompt in smaller chunks.');
    }
    return this.#bias.subarray(0, length);
  }
}

/**
 * Positions and bias for `groups` over a cache laid out for `capacity` slots.
 * @throws QuickstepError `bad-input` for an empty group, a parent that is not an earlier row, or a tree with
 * bidirectional attention, or rows at positions that are cached; `bad-option` for a window that is not a positive integer; `bad-shape` when a sequence has a slot at or above
 * `capacity`; `disposed` when a sequence was freed.
 */
export function buildRows(
  groups: readonly RowGroup[],
  capacity: number,
  options: RowOptions,
  scratch: RowScratch = new RowScratch(),
): Rows {
  const { attention, window = Number.MAX_SAFE_INTEGER } = options;
  if (!Number.isSafeInteger(window) || window < 1) {
    throw new QuickstepError('bad-option', `The attention window is ${window}.`, 'Give a positive integer.');
  }
  const offsets: number[] = [];
  let rows = 0;
  for (const group of groups) {
    checkGroup(group, group.attention ?? attention);
    offsets.push(rows);
    rows += group.rows;
  }
  const used = rows;
  rows = Math.max(rows, options.padTo ?? 0);
  if (rows === 0) {
    throw new QuickstepError('bad-input', 'A forward needs at least one row.', 'Give it a token to run.');
  }

  const positions = scratch.positions(rows).fill(0, used);
  const bias = scratch.bias(rows * (capacity + rows)).fill(masked);
  groups.forEach((group, index) => {
    const block: Block = {
      group,
      offset: offsets[index],
      capacity,
      width: capacity + rows,
      positions: positions.subarray(offsets[index], offsets[index] + group.rows),
      bias,
      window,
    };
    placeRows(block);
    const own = group.attention ?? attention;
    showCached(block, own);
    if (own === 'causal' && group.parents) showAncestors(block, group.parents);
    else showNeighbours(block, own);
  });
  for (let row = used; row < rows; row++) bias[row * (capacity + rows) + capacity + row] = 0;
  return { rows, offsets, positions, bias };
}

/** One group's share of the inputs: rows from `offset`, each `width` wide in `bias`; positions are the group's. */
interface Block {
  readonly group: RowGroup;
  readonly offset: number;
  readonly capacity: number;
  readonly width: number;
  readonly positions: Int32Array;
  readonly bias: Float32Array;
  readonly window: number;
}

function placeRows({ group, positions }: Block): void {
  const { sequence, parents, from = sequence.nextPosition } = group;
  for (let row = 0; row < group.rows; row++) {
    const parent = parents ? parents[row] : row - 1;
    positions[row] = parent < 0 ? from : positions[parent] + 1;
  }
}

/** Shows each row its sequence's cached entries. Most rows see the same ones as the row before: copy those. */
function showCached(
  { group, offset, capacity, width, positions, bias, window }: Block,
  attention: Attention,
): void {
  const { slots, positions: cached } = group.sequence;
  const reach = attention === 'causal' ? 0 : window - 1;
  let previous = { first: -1, end: -1 };
  for (let row = 0; row < group.rows; row++) {
    const start = (offset + row) * width;
    const first = firstAfter(cached, positions[row] - window);
    const end = firstAfter(cached, positions[row] + reach);
    if (first === previous.first && end === previous.end) {
      bias.copyWithin(start, start - width, start - width + capacity);
      continue;
    }
    previous = { first, end };
    for (let entry = first; entry < end; entry++) {
      if (slots[entry] >= capacity) throw outsideCapacity(group.sequence, capacity);
      bias[start + slots[entry]] = 0;
    }
  }
}

/** Chains and bidirectional groups: a row sees a run of neighbours. */
function showNeighbours({ group, offset, capacity, width, bias, window }: Block, attention: Attention): void {
  for (let row = 0; row < group.rows; row++) {
    const start = (offset + row) * width + capacity + offset;
    const end = attention === 'causal' ? row + 1 : Math.min(group.rows, row + window);
    bias.fill(0, start + Math.max(0, row - window + 1), start + end);
  }
}

/** Trees: a row sees itself and its ancestors within the window. */
function showAncestors(
  { group, offset, capacity, width, bias, window }: Block,
  parents: ArrayLike<number>,
): void {
  for (let row = 0; row < group.rows; row++) {
    const start = (offset + row) * width + capacity + offset;
    for (let seen = row, distance = 0; seen >= 0 && distance < window; seen = parents[seen], distance++) {
      bias[start + seen] = 0;
    }
  }
}

/** Index of the first element above `limit` in an ascending array. */
function firstAfter(ascending: Int32Array, limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle] > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

function checkGroup({ sequence, rows, parents, from }: RowGroup, attention: Attention): void {
  if (!Number.isSafeInteger(rows) || rows < 1) {
    throw new QuickstepError(
      'bad-input',
      `Sequence ${sequence.id} has ${rows} new rows.`,
      'Leave out sequences that have nothing to run.',
    );
  }
  if (from !== undefined && !isGap(sequence, from, rows)) {
    throw new QuickstepError(
      'bad-input',
      `Sequence ${sequence.id} has no gap for ${rows} rows from position ${from}.`,
      'Evict the entries that the rows replace.',
    );
  }
  if (!parents) return;
  if (attention === 'bidirectional') {
    throw new QuickstepError(
      'bad-input',
      `Sequence ${sequence.id} gives a tree, but attention is bidirectional.`,
      'Give each alternative its own group.',
    );
  }
  if (parents.length !== rows) {
    throw new QuickstepError(
      'bad-input',
      `Sequence ${sequence.id} has ${rows} new rows but ${parents.length} parents.`,
      'Give one parent for each row.',
    );
  }
  for (let row = 0; row < rows; row++) {
    const parent = parents[row];
    if (Number.isSafeInteger(parent) && parent >= -1 && parent < row) continue;
    throw new QuickstepError(
      'bad-input',
      `Row ${row} of sequence ${sequence.id} has parent ${parent}.`,
      'A parent is an earlier row of the group, or -1 for the cached prefix.',
    );
  }
}

/** Whether nothing is cached at `rows` positions from `from`. */
function isGap({ positions }: Sequence, from: number, rows: number): boolean {
  if (!Number.isSafeInteger(from) || from < 0) return false;
  return firstAfter(positions, from - 1) === firstAfter(positions, from + rows - 1);
}

function outsideCapacity(sequence: Sequence, capacity: number): QuickstepError {
  return new QuickstepError(
    'bad-shape',
    `Sequence ${sequence.id} has slots beyond the capacity of ${capacity}.`,
    "Build the rows with the K/V store's own capacity.",
  );
}
