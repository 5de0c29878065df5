/**
 * K/V reuse within a block (Fast-dLLM, Wu et al. 2025, arXiv:2505.22618, prefix and dual cache). On a canvas every row
 * sees every other, so that a token that changes, changes the keys and values of all. From step to step of a block they
 * change little outside of it: the forward that begins a block runs all rows and leaves those outside, the later ones
 * run the block, which sees what was left as it was then. The next block begins anew.
 *
 * The first step of a block is exact, and so is a block that takes one step. The later steps are approximate, but for a
 * model of one layer, whose keys and values depend on nothing but their own token.
 */

import type { NewRows, Sequence } from '../../cache/index.ts';
import type { Forward } from '../../models/forward.ts';
import type { Run } from '../run.ts';
import type { Canvas } from './canvas.ts';
import type { Frame, Span, View } from './view.ts';

/** What is kept: nothing, what lies before the block, or what lies before and behind it. */
export const cacheKinds = ['none', 'prefix', 'dual'] as const;
export type CacheKind = (typeof cacheKinds)[number];

export class BlockCache {
  readonly #run: Run;
  readonly #kind: CacheKind;
  readonly #groups: number;
  /** The block that was begun last, and what its later steps run. */
  #block = -1;
  #span: Span = { from: 0, to: 0 };
  /** The rows outside of the span, one sequence for each group of rows; none until the block has had its first step. */
  #kept: readonly Sequence[] = [];

  /** @param groups of rows for each view: 2 with guidance */
  constructor(run: Run, kind: CacheKind, groups: number) {
    this.#run = run;
    this.#kind = kind;
    this.#groups = groups;
  }

  /**
   * The views that one forward can score: with a cache those that the kept rows go with, or the first one alone, as
   * the others would have to see rows that it is to leave.
   */
  scorable(views: readonly View[]): readonly View[] {
    const end = views.findIndex((view) => !this.#goesWith(views[0], view));
    return end === -1 ? views : views.slice(0, Math.max(1, end));
  }

  /** A block behind a causal context needs the blocks before it in the cache, and these full. */
  #goesWith(first: View, view: View): boolean {
    if (this.#kind !== 'none') return this.#covers(view);
    const { masking, block } = view.canvas;
    return !masking.causalPrompt || block.index === first.canvas.block.index;
  }

  /** What is to be run of a view: all where nothing goes with it, and then it begins its block. */
  frame(view: View): Frame {
    if (this.#covers(view)) return { ...this.#span, sequences: this.#kept };
    this.#clear();
    this.#block = view.canvas.block.index;
    this.#span = this.#spanOf(view);
    const sequences = new Array<Sequence>(this.#groups).fill(this.#run.sequence);
    const { prompt, block, masking } = view.canvas;
    if (!masking.causalPrompt) return { from: 0, to: rowCount(view.canvas), sequences };
    return { from: prompt.length + block.start, to: prompt.length + block.end, sequences };
  }

  /** Whether the forward of the frame that was asked for last is to leave rows. */
  get begins(): boolean {
    return this.#kind !== 'none' && this.#kept.length === 0;
  }

  /** Keeps what the rest of the block will see, when a step has committed; nothing at its end. */
  remember(canvas: Canvas, forward: Forward): void {
    if (this.#kind === 'none') return;
    if (this.#run.finish || canvas.block.index !== this.#block) {
      this.#clear();
      return;
    }
    const rows = rowCount(canvas);
    if (this.begins) this.#kept = forward.offsets.map((offset) => this.#keep(forward.newRows, offset, rows));
    else for (const sequence of this.#kept) this.#crop(sequence, rows);
  }

  #clear(): void {
    for (const sequence of this.#kept) this.#run.free(sequence);
    this.#kept = [];
  }

  /**
   * The block and all that is asked about, which may lie before or behind it; without a dual cache all that follows.
   * With shifted logits the row before comes along, as it speaks for the first position.
   */
  #spanOf({ canvas, positions }: View): Span {
    const { block, prompt, masking } = canvas;
    const first = Math.min(block.start, positions[0] ?? block.start);
    const end = Math.max(block.end, (positions[positions.length - 1] ?? 0) + 1);
    return {
      from: prompt.length + first - (masking.shiftLogits ? 1 : 0),
      to: this.#kind === 'dual' ? prompt.length + end : rowCount(canvas),
    };
  }

  #covers(view: View): boolean {
    if (this.#kept.length === 0 || view.canvas.block.index !== this.#block) return false;
    const { from, to } = this.#spanOf(view);
    return from >= this.#span.from && to <= this.#span.to;
  }

  /** The rows of one group outside of the span, with a gap in its place. */
  #keep(newRows: NewRows, offset: number, rows: number): Sequence {
    const run = this.#run;
    const { from, to } = this.#span;
    const sequence = run.fork(run.sequence);
    run.keep(sequence, newRows, range(offset, offset + from));
    run.cache.slots.skip(sequence, to - from);
    run.keep(sequence, newRows, range(offset + to, offset + rows));
    return sequence;
  }

  /** Gives up rows that a shorter canvas has no more. */
  #crop(sequence: Sequence, rows: number): void {
    const beyond = sequence.positions.findIndex((position) => position >= rows);
    if (beyond !== -1) this.#run.cache.slots.crop(sequence, beyond);
  }
}

const rowCount = ({ prompt, tokens }: Canvas): number => prompt.length + tokens.length;

const range = (start: number, end: number): number[] =>
  Array.from({ length: end - start }, (_, i) => start + i);
