/**
 * The parts a masked-diffusion method is put together from. The interface is "a canvas, a corruption process, a
 * commit rule": `decodeCanvas` owns the canvas and the steps, a method hands it the parts it is about.
 *
 *   blocks      what is decoded together, left to right       ASS: blocks that double in length
 *   look        which positions the model is asked about     Prophet, Learn2PD: beyond the block
 *   shape       logits before token and confidence           CreditDecoding: trace credit; CCD: mixture of contexts
 *   confidence  who is committed first                       EOSER: damps early end tokens
 *   commit      what is committed in this step               all: quota, threshold, LocalLeap, CCD, Learn2PD, ASS, Prophet
 *   hold        what open positions show in the next step    renoise: predictions within an entropy budget
 *   afterCommit what is kept for the next step               CCD: last step's best; Learn2PD: training data
 *   stop        where the canvas ends                        EoTP: truncation at the end token
 *   drafts      canvases to look at ahead of time            FreeDave
 *
 * Parts are policy: plain functions over typed arrays, with the state of one run in their closures. All positions
 * are positions of the answer: 0 is the first token after the prompt. A mask, here and below, is a position that is not
 * decided yet, whatever token it is fed as; see ../corruption.ts.
 */

import type { Masking } from '../run.ts';
import type { Choice } from '../sampling/sampler.ts';

/** Positions [start, end) that are decoded together. */
export interface Block {
  index: number;
  start: number;
  end: number;
}

/** The canvas as parts see it. Arrays may be read, not written or kept. */
export interface CanvasView {
  readonly prompt: readonly number[];
  readonly masking: Masking;
  /** [length] Committed tokens, `vacant` where a position is open. */
  readonly tokens: Int32Array;
  /** The first block with a mask. */
  readonly block: Block;
  /** Masks in the block when its turn came. */
  readonly blockMasks: number;
  /** Number of the step, in all and within the block, from 0. Counts commits' turns: a draft that was right is one. */
  readonly step: number;
  readonly blockStep: number;
  /** Masked positions in [start, end), ascending; of the whole canvas without a range. */
  masked(start?: number, end?: number): number[];
  /** [length] The answer as the model is fed with it: where nothing is committed, what is held, or a mask or noise. */
  fed(): Int32Array;
  /** A copy of the canvas with these tokens as well, one step later. */
  after(placements: readonly Placement[]): CanvasView;
}

/** What the model says about the positions that were looked at. Index i below is an index into `positions`. */
export interface Predictions {
  /** Ascending. */
  readonly positions: readonly number[];
  /** Indices of those that the step is about: the masked positions of the block. Never empty, but `ahead`. */
  readonly candidates: readonly number[];
  /** [positions] The token each would get. A teacher may write its own, with `needsLogits` for their probability. */
  readonly tokens: Int32Array;
  /** [positions] How sure that is, by the order in use: the larger, the earlier. Larger is surer for all orders. */
  readonly confidence: Float64Array;
  /** Token, the model's own log probability of it, and alternatives if they were asked for. */
  choice(index: number): Choice;
  /**
   * [vocabulary] The model's logits, shifted and guided, but neither shaped nor noised; only for parts with
   * `needsLogits`. A view, valid within the step.
   */
  logits(index: number): Float32Array;
  /**
   * What the same scores come to on a later canvas, with the random numbers of its step: what will be predicted there
   * unless the scores change. Without `shape` and `confidence`, which may remember what they were asked.
   */
  ahead(later: CanvasView): Predictions;
}

/** A token at a position of the canvas. */
export interface Placement {
  position: number;
  token: number;
}

/** Positions to ask the model about, ascending; the masked ones of the block among them. */
export type Look = (canvas: CanvasView) => readonly number[];

/**
 * Changes one position's logits [vocabulary] in place, after the sampling options' own shaping and before token and
 * confidence are taken. Called once a step for each position looked at, in ascending order.
 */
export type LogitsShaper = (logits: Float32Array, position: number, canvas: CanvasView) => void;

/** Changes `predictions.confidence` in place. -Infinity makes a position the last choice. */
export type ConfidenceHook = (predictions: Predictions, canvas: CanvasView) => void;

/**
 * Which predictions are committed, as indices in commit order; each must be of a masked position, which may lie
 * outside the block. At least one, or the step was for nothing. Under a constraint the run that begins the answer is
 * committed of them, see constraint.ts.
 */
export type CommitRule = (predictions: Predictions, canvas: CanvasView) => readonly number[];

/**
 * Open positions that show these tokens in the next step, in place of a mask or of noise. They stay open: they are asked
 * about again, and may be given up. Asked when a step has committed.
 */
export type HoldRule = (predictions: Predictions, canvas: CanvasView) => readonly Placement[];

/** Told what a step has committed (indices), before the canvas goes on to the next step. */
export type AfterCommit = (
  committed: readonly number[],
  predictions: Predictions,
  canvas: CanvasView,
) => void;

/** A new length for the canvas, which gives up what lies behind; undefined to leave it. Asked after each commit. */
export type StopRule = (
  committed: readonly number[],
  predictions: Predictions,
  canvas: CanvasView,
) => number | undefined;

/**
 * Canvases that are scored together with the next step's: draft j is the canvas after the placements 0..j. While a
 * draft is what the commit rule has just made of the canvas, its scores stand in for a forward; so whatever is
 * drafted, the answer is the one without drafts. With drafts a step that commits nothing takes no forward either.
 * @param turn what a turn of the commit rule makes of predictions on any canvas
 */
export type DraftHook = (
  predictions: Predictions,
  canvas: CanvasView,
  turn: (predictions: Predictions, canvas: CanvasView) => readonly Placement[],
) => readonly (readonly Placement[])[];

export interface Parts {
  commit: CommitRule;
  /** Lengths of the blocks, together as long as the canvas; equal blocks by the option `blockLength` without it. */
  blocks?: readonly number[];
  look?: Look;
  shape?: LogitsShaper;
  confidence?: ConfidenceHook;
  hold?: HoldRule;
  afterCommit?: AfterCommit;
  stop?: StopRule;
  drafts?: DraftHook;
  /** A part reads `Predictions.logits`; a shaper gets them without asking. */
  needsLogits?: boolean;
}
