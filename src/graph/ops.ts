/**
 * The operators of tensor programs and their attributes. Everything that knows operators is a table over this
 * union: shape rules (shapes.ts), ONNX emission (onnx/emit.ts), reference evaluation (reference/) and gradients
 * (gradients/). An operator without a rule does not compile.
 */

import type { GraphBuilder } from './builder.ts';
import type { DType, Shape, Tensor, Value } from './types.ts';

type None = Record<never, never>;
export interface Reduction {
  /** Non-negative axes. */
  axes: readonly number[];
  keepDims: boolean;
}

export interface OpAttributes {
  // elementwise, one input
  neg: None;
  abs: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  sigmoid: None;
  /** x · sigmoid(x) */
  silu: None;
  tanh: None;
  /** Half to even. */
  round: None;
  cast: { to: DType };
  // elementwise, inputs broadcast against each other
  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  less: None;
  equal: None;
  /** condition ? a : b */
  where: None;
  // reductions
  reduceSum: Reduction;
  reduceMax: Reduction;
  reduceMean: Reduction;
  /** Index (int64) of the largest element, the lowest index on ties. */
  argMax: { axis: number; keepDims: boolean };
  /** The k largest along the last axis, in descending order: values and int64 indices. */
  topK: { k: number };
  /** Over the last axis. */
  softmax: None;
  /** x - log Σ exp(x), over the last axis. */
  logSoftmax: None;
  // layout
  reshape: { shape: Shape };
  transpose: { permutation: readonly number[] };
  concat: { axis: number };
  split: { axis: number; sizes: readonly Dim[] };
  /** Elements [start, end) of one axis; negative numbers count from the end, `end` may be Infinity. */
  slice: { axis: number; start: number; end: number };
  /** Rows of `data` along `axis` picked by integer indices of any rank. */
  gather: { axis: number };
  /** Along the last axis, one element for each index: data [.., n], indices [.., k] to [.., k]. */
  gatherElements: None;
  /** Repeats axes of size 1, and adds leading ones, up to `shape`. */
  expand: { shape: Shape };
  /** Sums rows that share an index: indices [rows] and updates [rows, ..] to [size, ..]; the adjoint of `gather`. */
  scatterRows: { size: Dim };
  /** Sums updates [.., k] at indices [.., k] of a last axis of `size`; the adjoint of `gatherElements`. */
  scatterElements: { size: Dim };
  /** x itself; no gradient passes. */
  stopGradient: None;
  // matrix products
  /** scale · op(a) op(b), with leading dimensions broadcast. */
  matmul: { transposeA: boolean; transposeB: boolean; scale: number };
  /** Per-row symmetric quantization, scale = max|x| / 127: x [.., rows, k] to uint8 with zero point 128, and scales [.., rows, 1]. */
  quantizeRows: None;
  /** (q uint8, rowScale) × (w int8 [k, n], columnScale [n]) in exact integer arithmetic, scaled to float32. */
  quantizedMatmul: None;
  /** x [.., k] × block-quantized weights [n, k/block, block·bits/8] with scales [n·k/block]. */
  blockMatmul: { bits: 4 | 8; blockSize: number; k: number; n: number };
  // layers with kernels of their own
  /** x / sqrt(mean(x²) + epsilon) · weight, over the last axis. */
  rmsNorm: { epsilon: number };
  /**
   * Rotary position embedding of x [batch, rows, heads·d] by int64 positions [batch, rows] and cos/sin tables
   * [positions, d/2]; in each head, element i pairs with i + d/2.
   */
  rotary: None;
}

type Dim = Shape[number];

export type OpKind = keyof OpAttributes;

/** Result of a shape rule: element type and shape of each output. */
export interface ValueType {
  dtype: DType;
  shape: Shape;
}
export type ShapeRule<K extends OpKind> = (
  inputs: readonly ValueType[],
  attributes: OpAttributes[K],
) => ValueType[];
/** `size` is the number that a symbolic size of the attributes stands for in this run. */
export type EvaluationRule<K extends OpKind> = (
  inputs: readonly Tensor[],
  attributes: OpAttributes[K],
  size: (dim: Dim) => number,
) => Tensor[];
/** What a gradient rule sees of a node; `gradients` holds ∂loss/∂output for each output that has one. */
export interface BackwardNode<K extends OpKind> {
  readonly op: K;
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly gradients: readonly (Value | undefined)[];
}
/**
 * Adds the nodes of ∂loss/∂input for each input, undefined where none flows. Rules may add nodes for inputs that
 * need no gradient: `GraphBuilder.build` drops what no output uses.
 */
export type GradientRule<K extends OpKind> = (
  b: GraphBuilder,
  node: BackwardNode<K>,
) => readonly (Value | undefined)[];
export type GradientRules = { readonly [K in OpKind]: GradientRule<K> };
export type ShapeRules = { readonly [K in OpKind]: ShapeRule<K> };
export type EvaluationRules = { readonly [K in OpKind]: EvaluationRule<K> };
export type { Value };
