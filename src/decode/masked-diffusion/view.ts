/** From canvases to the rows of a forward. */

import type { Sequence } from '../../cache/index.ts';
import type { ScoreGroup } from '../../models/forward.ts';
import type { Canvas } from './canvas.ts';

/** A canvas among a step's rows, and the positions it is asked about. */
export interface View {
  canvas: Canvas;
  positions: readonly number[];
  /** [length] The answer as the model is fed with it in this step. */
  fed: Int32Array;
}

/** Rows [from, to) of prompt and canvas, which a forward runs; `to` may lie behind the end of a canvas that was cut. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What a forward runs of a canvas, and where the other rows are cached. */
export interface Frame extends Span {
  /** The sequence with the rows outside of the span; with guidance a second one, with those of a hidden prompt. */
  sequences: readonly Sequence[];
}

/** Rows of one view: prompt and canvas, and with guidance the same without the prompt. */
export function rowsOf({ canvas, positions, fed }: View, { from, to, sequences }: Frame): ScoreGroup[] {
  const { prompt } = canvas;
  const first = prompt.length - (canvas.masking.shiftLogits ? 1 : 0) - from;
  const scored = positions.map((position) => first + position);
  return sequences.map((sequence, index) => {
    const before = index === 0 ? prompt : canvas.hiddenPrompt();
    return {
      sequence,
      from,
      tokens: [...before, ...fed].slice(from, to),
      attention: 'bidirectional',
      scored,
    };
  });
}
