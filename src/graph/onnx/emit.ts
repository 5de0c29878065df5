/**
 * ONNX emission: the nodes of ONNX's and ONNX Runtime's operator sets that compute each operator.
 * Standard operators come from ai.onnx opset 21; 'com.microsoft' ones are ONNX Runtime's fused kernels, which
 * its CPU, wasm and GPU builds share.
 */

import type { OpAttributes, OpKind } from '../ops.ts';
import type { Dim, DType, Shape, Tensor, Value } from '../types.ts';
import { float32, tensor, zeros } from '../types.ts';
import { type AttributeValue, dataTypes } from './model-proto.ts';

/** What an emission rule may do: name values, add constants, add nodes. */
export interface Emitter {
  name(value: Value): string;
  /** A fresh name for an intermediate that only the emitted nodes see. */
  temporary(): string;
  constant(tensor: Tensor): string;
  /** A one-element int64 tensor with a size, read at run time when it is a symbol. */
  dimension(dim: Dim): string;
  /** A one-dimensional int64 tensor of sizes. */
  sizes(dims: readonly Dim[]): string;
  /** A scalar repeated to a shape. */
  filled(scalar: Tensor, shape: Shape): string;
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
    // Without the second attribute ONNX reads an empty list of axes as all of them.
    const attributes = { keepdims: { int: Number(keepDims) }, noop_with_empty_axes: { int: 1 } };
    emitter.node(op, [inputs[0], emitter.constant(int64(axes))], outputs, attributes);
  };
}

/** ONNX reshape targets: 0 copies the input's size at that index, one -1 is inferred; undefined where that is too few. */
function reshapeTarget(from: Shape, to: Shape): number[] | undefined {
  let inferred = 0;
  const target = to.map((dim, i) => {
    if (typeof dim === 'number') return dim;
    if (from[i] === dim) return 0;
    inferred++;
    return -1;
  });
  return inferred > 1 ? undefined : target;
}

function zerosLike(emitter: Emitter, { dtype, shape }: Value): string {
  return emitter.filled(zeros(dtype, []), shape);
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
  silu: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    if (node.inputs[0].dtype === 'float32') {
      const sigmoid = emitter.temporary();
      emitter.node('Sigmoid', inputs, [sigmoid]);
      emitter.node('Mul', [inputs[0], sigmoid], outputs);
      return;
    }
    // x / (1 + exp(-x)): ONNX Runtime fuses x · sigmoid(x) of any type into a kernel that takes float32 only.
    const [negative, power, divisor] = [emitter.temporary(), emitter.temporary(), emitter.temporary()];
    emitter.node('Neg', inputs, [negative]);
    emitter.node('Exp', [negative], [power]);
    emitter.node('Add', [power, emitter.constant(tensor('float64', [], Float64Array.of(1)))], [divisor]);
    emitter.node('Div', [inputs[0], divisor], outputs);
  },
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
  logSoftmax: direct('LogSoftmax', () => ({ axis: { int: -1 } })),
  reshape: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const target = reshapeTarget(node.inputs[0].shape, node.attributes.shape);
    // A literal 0 means a copied size unless the attribute says otherwise.
    const { shape } = node.attributes;
    const allowzero = { int: Number(!target || shape.every((dim) => typeof dim === 'number')) };
    const sizes = target ? emitter.constant(int64(target)) : emitter.sizes(shape);
    emitter.node('Reshape', [inputs[0], sizes], outputs, { allowzero });
  },
  transpose: direct<'transpose'>('Transpose', ({ attributes }) => ({
    perm: { ints: attributes.permutation },
  })),
  concat: direct<'concat'>('Concat', ({ attributes }) => ({ axis: { int: attributes.axis } })),
  split: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    emitter.node('Split', [inputs[0], emitter.sizes(node.attributes.sizes)], outputs, {
      axis: { int: node.attributes.axis },
    });
  },
  slice: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const { axis, start, end } = node.attributes;
    const bounds = [start, end === Infinity ? Number.MAX_SAFE_INTEGER : end, axis];
    emitter.node('Slice', [inputs[0], ...bounds.map((x) => emitter.constant(int64([x])))], outputs);
  },
  gather: direct<'gather'>('Gather', ({ attributes }) => ({ axis: { int: attributes.axis } })),
  gatherElements: direct<'gatherElements'>('GatherElements', ({ inputs }) => ({
    axis: { int: inputs[0].shape.length - 1 },
  })),
  expand: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    emitter.node('Expand', [inputs[0], emitter.sizes(node.attributes.shape)], outputs);
  },
  scatterRows: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const [indices, updates] = inputs;
    const { shape } = node.inputs[1];
    // Not ScatterND, whose threads add to one row at the same time and lose sums.
    const [column, spread] = [emitter.temporary(), emitter.temporary()];
    const trailing = shape.slice(1).map((_, i) => i + 1);
    emitter.node('Unsqueeze', [indices, emitter.constant(int64(trailing))], [column]);
    emitter.node('Expand', [column, emitter.sizes(shape)], [spread]);
    emitter.node('ScatterElements', [zerosLike(emitter, node.outputs[0]), spread, updates], outputs, {
      axis: { int: 0 },
      reduction: { string: 'add' },
    });
  },
  scatterElements: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    emitter.node('ScatterElements', [zerosLike(emitter, node.outputs[0]), ...inputs], outputs, {
      axis: { int: node.outputs[0].shape.length - 1 },
      reduction: { string: 'add' },
    });
  },
  stopGradient: direct('Identity'),
  matmul: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const { transposeA, transposeB, scale } = node.attributes;
    if (!transposeA && !transposeB && scale === 1) emitter.node('MatMul', inputs, outputs);
    else {
      const attributes = {
        transA: { int: Number(transposeA) },
        transB: { int: Number(transposeB) },
        alpha: { float: scale },
      };
      emitter.node('FusedMatMul', inputs, outputs, attributes, microsoft);
    }
  },
  quantizeRows: (emitter, node) => {
    const { inputs, outputs } = names(emitter, node);
    const [x, [q, scale]] = [inputs[0], outputs];
    const { shape } = node.inputs[0];
    const axis = shape.length - 1;
    const [magnitude, largest] = [emitter.temporary(), emitter.temporary()];
    emitter.node('Abs', [x], [magnitude]);
    emitter.node('ReduceMax', [magnitude, emitter.constant(int64([axis]))], [largest], {
      keepdims: { int: 1 },
    });
    // A row of zeros has scale 0 and arbitrary q: its product with the scale is 0 all the same.
    emitter.node('Mul', [largest, emitter.constant(float32([], [1 / 127]))], [scale]);
    // One block a row: the kernel then quantizes whole rows at a time.
    const zeroPoints = emitter.filled(tensor('uint8', [], Uint8Array.of(128)), node.outputs[1].shape);
    emitter.node('QuantizeLinear', [x, scale, zeroPoints], [q], {
      axis: { int: axis },
      block_size: { int: shape[axis] as number },
    });
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
  rotary: direct('RotaryEmbedding', () => ({}), microsoft),
};
