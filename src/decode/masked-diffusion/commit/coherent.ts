/**
 * Coherent commits with an adaptive budget (CCD, arXiv:2512.02044, in the form of the released code): a position is
 * committed ahead of time only if it was already among the best in the step before and predicted the same token then.
 */

import type { CanvasView, Parts } from '../parts.ts';
import { ranked } from './rank.ts';

export interface Coherence {
  /** Tokens the baseline commits in this step, K. */
  budget(canvas: CanvasView): number;
  /** e: the buffer grows to K + ⌊K e⌋ positions, the most that are committed in one step. */
  expandRatio: number;
  /** Steps of the baseline before the buffer is used. */
  warmup: number;
  /** Commit all that is coherent; otherwise the best K of it. */
  seek: boolean;
  /** Narrow the buffer to one position when at most a tenth of the canvas is masked. */
  lateReset: boolean;
  /** The most probable token of a position in this step; that of the predictions without it. */
  leader?(position: number): number;
}

/** The best predictions of a step that were not committed: position to most probable token. */
type Buffer = ReadonlyMap<number, number>;

/** Commit rule and memory of one run. */
export function coherentParts(coherence: Coherence): Required<Pick<Parts, 'commit' | 'afterCommit'>> {
  const { budget, expandRatio, warmup, seek, lateReset, leader } = coherence;
  let buffer: Buffer = new Map();
  let width = 1;

  function widen(canvas: CanvasView): void {
    const quota = budget(canvas);
    const late = lateReset && canvas.masked().length <= canvas.tokens.length / 10;
    width = late || canvas.step < warmup ? 1 : Math.min(width + 1, quota + Math.floor(quota * expandRatio));
  }

  return {
    commit: (predictions, canvas) => {
      widen(canvas);
      const { positions, tokens } = predictions;
      const order = ranked(predictions);
      const plain = order.slice(0, budget(canvas));
      if (canvas.step < warmup || !plain.some((index) => buffer.has(positions[index]))) return plain;
      const coherent = order
        .slice(0, width)
        .filter((index) => buffer.get(positions[index]) === (leader?.(positions[index]) ?? tokens[index]));
      if (coherent.length < plain.length) return plain;
      return seek ? coherent : coherent.slice(0, plain.length);
    },
    afterCommit: (committed, predictions) => {
      const { positions, tokens } = predictions;
      const kept = ranked(predictions)
        .filter((index) => !committed.includes(index))
        .slice(0, width);
      buffer = new Map(kept.map((index) => [positions[index], leader?.(positions[index]) ?? tokens[index]]));
    },
  };
}
