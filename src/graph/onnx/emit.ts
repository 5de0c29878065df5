/**
 * ONNX emission: the nodes of ONNX's and ONNX Runtime's operator sets that compute each operator.
 * Standard operators come from ai.onnx opset 21; 'com.microsoft' ones are ONNX Runtime's fused kernels, which
 * its CPU, wasm and GPU builds share.
 */

import type { OpAttributes, OpKind } from '../ops.ts';
import type { DType, Shape, Tensor, Value } from '../types.ts';
import { float32, tensor } from '../types.ts';
import { type AttributeValue, dataTypes } from './model-proto.ts';

/** What an emission rule may do: name values, add constants, add nodes. */
export interface Emitter {
  name(value: Value): string;
  /** A fresh name for an intermediate that only the emitted nodes see. */
  temporary(): string;
  constant(tensor: Tensor): string;
  node(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
    domain?: string,
  ): void;
}

export interface EmitNode<K extends OpKind> {
  attributes: OpAttributes[K];
  inputs: readonly Value[];
  outputs: readonly Value[];
}
type EmissionRule<K extends OpKind> = (emitter: Emitter, node: EmitNode<K>) => void;
export type EmissionRules = { readonly [K in OpKind]: EmissionRule<K> };

const microsoft = 'com.microsoft';

export function int64(values: readonly number[]): Tensor {
  return tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
}

function names(emitter: Emitter, node: EmitNode<OpKind>) {
  return {
    inputs: node.inputs.map((value) => emitter.name(value)),
    outputs: node.outputs.map((value) => emitter.name(value)),
  };
}

/** An operator that ONNX has under another name, with the same inputs and outputs. */
function direct<K extends OpKind>(
  op: string,
  attributes: (node: EmitNode<K>) => Record<string, AttributeValue> = () => ({}),
  domain = '',
): EmissionRule<K> {
  return (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    emitter.node(op, inputs, outputs, attributes(node), domain);
  };
}

function reduction<K extends 'reduceSum' | 'reduceMax' | 'reduceMean'>(op: string): EmissionRule<K> {
  return (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const { axes, keepDims } = node.attributes;
    emitter.node(op, [inputs[0], emitter.constant(int64(axes))], outputs, { keepdims: { int: Number(keepDims) } });
  };
}

/** ONNX reshape targets: 0 copies the input's size at that index, one -1 is inferred. */
function reshapeTarget(from: Shape, to: Shape): number[] {
  let inferred = 0;
  const target = to.map((dim, i) => {
    if (typeof dim === 'number') return dim;
    if (from[i] === dim) return 0;
    inferred++;
    return -1;
  });
  if (inferred > 1) throw new Error(`reshape [${from}] to [${to}] has more than one unknown size`);
  return target;
}

/** `Split` needs its sizes as a tensor; a symbolic size is read off at run time from the input's own shape. */
function splitSizes(emitter: Emitter, input: string, node: EmitNode<'split'>): string {
  const { axis, sizes } = node.attributes;
  const symbolic = sizes.findIndex((size) => typeof size === 'string');
  if (symbolic === -1) return emitter.constant(int64(sizes as number[]));
  if (sizes.some((size, i) => i !== symbolic && typeof size === 'string')) {
    throw new Error('split can infer one symbolic size only');
  }
  const known = sizes.reduce<number>((sum, size) => sum + (typeof size === 'number' ? size : 0), 0);
  const [total, rest] = [emitter.temporary(), emitter.temporary()];
  emitter.node('Shape', [input], [total], { start: { int: axis }, end: { int: axis + 1 } });
  emitter.node('Sub', [total, emitter.constant(int64([known]))], [rest]);
  const parts = sizes.map((size) => (typeof size === 'number' ? emitter.constant(int64([size])) : rest));
  const all = emitter.temporary();
  emitter.node('Concat', parts, [all], { axis: { int: 0 } });
  return all;
}

const onnxType = (dtype: DType): AttributeValue => ({ int: dataTypes[dtype] });

export const emissionRules: EmissionRules = {
  neg: direct('Neg'),
  abs: direct('Abs'),
  exp: direct('Exp'),
  log: direct('Log'),
  sqrt: direct('Sqrt'),
  reciprocal: direct('Reciprocal'),
  sigmoid: direct('Sigmoid'),
  tanh: direct('Tanh'),
  round: direct('Round'),
  cast: direct<'cast'>('Cast', ({ attributes }) => ({ to: onnxType(attributes.to) })),
  add: direct('Add'),
  sub: direct('Sub'),
  mul: direct('Mul'),
  div: direct('Div'),
  maximum: direct('Max'),
  less: direct('Less'),
  equal: direct('Equal'),
  where: direct('Where'),
  reduceSum: reduction('ReduceSum'),
  reduceMax: reduction('ReduceMax'),
  reduceMean: reduction('ReduceMean'),
  argMax: direct<'argMax'>('ArgMax', ({ attributes }) => ({
    axis: { int: attributes.axis },
    keepdims: { int: Number(attributes.keepDims) },
  })),
  topK: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    emitter.node('TopK', [inputs[0], emitter.constant(int64([node.attributes.k]))], outputs);
  },
  softmax: direct('Softmax', () => ({ axis: { int: -1 } })),
  reshape: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const target = reshapeTarget(node.inputs[0].shape, node.attributes.shape);
    emitter.node('Reshape', [inputs[0], emitter.constant(int64(target))], outputs);
  },
  transpose: direct<'transpose'>('Transpose', ({ attributes }) => ({ perm: { ints: attributes.permutation } })),
  concat: direct<'concat'>('Concat', ({ attributes }) => ({ axis: { int: attributes.axis } })),
  split: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const sizes = splitSizes(emitter, inputs[0], node);
    emitter.node('Split', [inputs[0], sizes], outputs, { axis: { int: node.attributes.axis } });
  },
  slice: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const { axis, start, end } = node.attributes;
    const bounds = [start, end === Infinity ? Number.MAX_SAFE_INTEGER : end, axis];
    emitter.node('Slice', [inputs[0], ...bounds.map((x) => emitter.constant(int64([x])))], outputs);
  },
  gather: direct<'gather'>('Gather', ({ attributes }) => ({ axis: { int: attributes.axis } })),
  matmul: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const { transposeA, transposeB, scale } = node.attributes;
    if (!transposeA && !transposeB && scale === 1) emitter.node('MatMul', inputs, outputs);
    else {
      const attributes = { transA: { int: Number(transposeA) }, transB: { int: Number(transposeB) }, alpha: { float: scale } };
      emitter.node('FusedMatMul', inputs, outputs, attributes, microsoft);
    }
  },
  quantizeRows: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const [x, [q, scale]] = [inputs[0], outputs];
    const axis = node.inputs[0].shape.length - 1;
    const [magnitude, largest, scaled] = [emitter.temporary(), emitter.temporary(), emitter.temporary()];
    emitter.node('Abs', [x], [magnitude]);
    emitter.node('ReduceMax', [magnitude, emitter.constant(int64([axis]))], [largest], { keepdims: { int: 1 } });
    emitter.node('Mul', [largest, emitter.constant(float32([], [1 / 127]))], [scaled]);
    // A row of zeros would divide by zero; any positive scale represents it exactly.
    emitter.node('Max', [scaled, emitter.constant(float32([], [1e-30]))], [scale]);
    const [quotient, rounded, shifted] = [emitter.temporary(), emitter.temporary(), emitter.temporary()];
    emitter.node('Div', [x, scale], [quotient]);
    emitter.node('Round', [quotient], [rounded]);
    emitter.node('Add', [rounded, emitter.constant(float32([], [128]))], [shifted]);
    emitter.node('Cast', [shifted], [q], { to: onnxType('uint8') });
  },
  quantizedMatmul: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const [q, rowScale, w, columnScale] = inputs;
    const one = emitter.constant(float32([], [1]));
    const zeroPoint = emitter.constant(tensor('uint8', [], Uint8Array.of(128)));
    const product = emitter.temporary();
    emitter.node('MatMulIntegerToFloat', [q, w, one, columnScale, zeroPoint], [product], {}, microsoft);
    emitter.node('Mul', [product, rowScale], outputs);
  },
  blockMatmul: direct<'blockMatmul'>(
    'MatMulNBits',
    ({ attributes: { bits, blockSize, k, n } }) => ({
      bits: { int: bits },
      block_size: { int: blockSize },
      K: { int: k },
      N: { int: n },
      // 4 = int8 arithmetic on the activations, quantized per block inside the kernel.
      accuracy_level: { int: 4 },
    }),
    microsoft,
  ),
  rmsNorm: direct<'rmsNorm'>('SimplifiedLayerNormalization', ({ attributes }) => ({
    axis: { int: -1 },
    epsilon: { float: attributes.epsilon },
    stash_type: { int: 1 },
  })),
  rotary: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const [x, positions, cos, sin] = inputs;
    const [, heads, headDim] = node.inputs[0].shape as [unknown, number, number];
    // The kernel wants [batch, rows, heads · headDim] and positions [batch, rows].
    const [flat, rotated, batched] = [emitter.temporary(), emitter.temporary(), emitter.temporary()];
    emitter.node('Reshape', [x, emitter.constant(int64([1, -1, heads * headDim]))], [flat]);
    emitter.node('Reshape', [positions, emitter.constant(int64([1, -1]))], [batched]);
    emitter.node('RotaryEmbedding', [flat, batched, cos, sin], [rotated], {}, microsoft);
    emitter.node('Reshape', [rotated, emitter.constant(int64([-1, heads, headDim]))], outputs);
  },
};
