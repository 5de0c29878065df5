/** Shape rules: element type and shape of every operator's outputs, or an error that names operator and shapes. */

import { QuickstepError } from '../errors.ts';
import type { OpAttributes, OpKind, ShapeRule, ShapeRules, ValueType } from './ops.ts';
import { addDims, type Dim, type DType, type Shape } from './types.ts';

function fail(op: string, reason: string, inputs: readonly ValueType[]): never {
  const shapes = inputs.map((input) => `${input.dtype}[${input.shape.join(', ')}]`).join(', ');
  throw new QuickstepError('bad-shape', `${op}(${shapes}): ${reason}.`);
}

/** NumPy broadcasting; two different symbols never broadcast. Errors show `inputs`. */
export function broadcastShapes(
  op: string,
  a: ValueType,
  b: ValueType,
  inputs: readonly ValueType[] = [a, b],
): Shape {
  const rank = Math.max(a.shape.length, b.shape.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a.shape[i - rank + a.shape.length] ?? 1;
    const y = b.shape[i - rank + b.shape.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) fail(op, `sizes ${x} and ${y} do not broadcast`, inputs);
    out.push(x === 1 ? y : x);
  }
  return out;
}

function unary<K extends OpKind>(op: K): ShapeRule<K> {
  return ([x]) => {
    if (x.dtype !== 'float32' && x.dtype !== 'float64') fail(op, 'needs a floating-point input', [x]);
    return [{ dtype: x.dtype, shape: x.shape }];
  };
}

function binary<K extends OpKind>(op: K, result?: DType): ShapeRule<K> {
  return ([a, b]) => {
    if (a.dtype !== b.dtype) fail(op, 'element types differ', [a, b]);
    return [{ dtype: result ?? a.dtype, shape: broadcastShapes(op, a, b) }];
  };
}

function checkAxis(op: string, axis: number, inputs: readonly ValueType[]): void {
  const rank = inputs[0].shape.length;
  if (!Number.isInteger(axis) || axis < 0 || axis >= rank)
    fail(op, `axis ${axis} is outside rank ${rank}`, inputs);
}

function reduce<K extends 'reduceSum' | 'reduceMax' | 'reduceMean'>(op: K): ShapeRule<K> {
  return ([x], { axes, keepDims }) => {
    for (const axis of axes) checkAxis(op, axis, [x]);
    return [{ dtype: x.dtype, shape: reducedShape(x.shape, axes, keepDims) }];
  };
}

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  return shape.flatMap((dim, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [dim]));
}

/** Size after `slice`; symbolic axes may only be cut at the front or by a constant from the end. */
function sliceSize(dim: Dim, { start, end }: OpAttributes['slice'], inputs: readonly ValueType[]): Dim {
  if (typeof dim === 'number') {
    const clamp = (i: number) => Math.min(dim, Math.max(0, i < 0 ? dim + i : i));
    return Math.max(0, clamp(end) - clamp(start));
  }
  if (start === 0 && end === Infinity) return dim;
  if (start < 0 && end === Infinity) return -start;
  if (start >= 0 && end >= start && end !== Infinity) return end - start;
  return fail('slice', `cannot size [${start}, ${end}) of symbolic axis ${dim}`, inputs);
}

/** Product of the numeric sizes and the sorted symbols: equal for shapes that hold the same elements. */
function volume(shape: Shape): string {
  let product = 1;
  const symbols: string[] = [];
  for (const dim of shape) {
    for (const part of String(dim).split('*')) {
      if (/^\d+$/.test(part)) product *= Number(part);
      else symbols.push(part);
    }
  }
  return `${product} ${symbols.sort().join(' ')}`;
}

const isInteger = ({ dtype }: ValueType) => dtype === 'int64' || dtype === 'int32';
const sameLead = (a: ValueType, b: ValueType) =>
  a.shape.length === b.shape.length && a.shape.slice(0, -1).join() === b.shape.slice(0, -1).join();

export const shapeRules: ShapeRules = {
  neg: unary('neg'),
  abs: unary('abs'),
  exp: unary('exp'),
  log: unary('log'),
  sqrt: unary('sqrt'),
  reciprocal: unary('reciprocal'),
  sigmoid: unary('sigmoid'),
  silu: unary('silu'),
  tanh: unary('tanh'),
  round: unary('round'),
  cast: ([x], { to }) => [{ dtype: to, shape: x.shape }],
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div'),
  maximum: binary('maximum'),
  less: binary('less', 'bool'),
  equal: binary('equal', 'bool'),
  where: ([condition, a, b]) => {
    if (condition.dtype !== 'bool') fail('where', 'the condition must be bool', [condition, a, b]);
    if (a.dtype !== b.dtype) fail('where', 'element types differ', [condition, a, b]);
    const inputs = [condition, a, b];
    const inner = { dtype: a.dtype, shape: broadcastShapes('where', a, b, inputs) };
    return [{ dtype: a.dtype, shape: broadcastShapes('where', condition, inner, inputs) }];
  },
  reduceSum: reduce('reduceSum'),
  reduceMax: reduce('reduceMax'),
  reduceMean: reduce('reduceMean'),
  argMax: ([x], { axis, keepDims }) => {
    checkAxis('argMax', axis, [x]);
    return [{ dtype: 'int64', shape: reducedShape(x.shape, [axis], keepDims) }];
  },
  topK: ([x], { k }) => {
    const last = x.shape.at(-1);
    if (!Number.isInteger(k) || k < 1 || (typeof last === 'number' && k > last))
      fail('topK', `cannot take ${k}`, [x]);
    const shape = [...x.shape.slice(0, -1), k];
    return [
      { dtype: x.dtype, shape },
      { dtype: 'int64', shape },
    ];
  },
  softmax: unary('softmax'),
  logSoftmax: unary('logSoftmax'),
  reshape: ([x], { shape }) => {
    if (volume(x.shape) !== volume(shape)) fail('reshape', `cannot become [${shape.join(', ')}]`, [x]);
    return [{ dtype: x.dtype, shape }];
  },
  transpose: ([x], { permutation }) => {
    const sorted = [...permutation].sort((a, b) => a - b);
    if (sorted.length !== x.shape.length || sorted.some((axis, i) => axis !== i)) {
      fail('transpose', `[${permutation}] is not a permutation of its axes`, [x]);
    }
    return [{ dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis]) }];
  },
  concat: (inputs, { axis }) => {
    checkAxis('concat', axis, inputs);
    const [first, ...rest] = inputs;
    for (const other of rest) {
      const fits =
        other.dtype === first.dtype &&
        other.shape.length === first.shape.length &&
        other.shape.every((dim, i) => i === axis || dim === first.shape[i]);
      if (!fits) fail('concat', `inputs differ outside axis ${axis}`, inputs);
    }
    const size = rest.reduce<Dim>((sum, other) => addDims(sum, other.shape[axis]), first.shape[axis]);
    return [{ dtype: first.dtype, shape: first.shape.map((dim, i) => (i === axis ? size : dim)) }];
  },
  split: ([x], { axis, sizes }) => {
    checkAxis('split', axis, [x]);
    const total = sizes.reduce<Dim>((sum, size) => addDims(sum, size), 0);
    if (total !== x.shape[axis]) fail('split', `sizes ${sizes.join(' + ')} do not fill axis ${axis}`, [x]);
    return sizes.map((size) => ({
      dtype: x.dtype,
      shape: x.shape.map((dim, i) => (i === axis ? size : dim)),
    }));
  },
  slice: ([x], attributes) => {
    checkAxis('slice', attributes.axis, [x]);
    const size = sliceSize(x.shape[attributes.axis], attributes, [x]);
    return [{ dtype: x.dtype, shape: x.shape.map((dim, i) => (i === attributes.axis ? size : dim)) }];
  },
  gather: ([data, indices], { axis }) => {
    checkAxis('gather', axis, [data, indices]);
    if (!isInteger(indices)) fail('gather', 'indices must be integers', [data, indices]);
    return [
      {
        dtype: data.dtype,
        shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)],
      },
    ];
  },
  gatherElements: ([data, indices]) => {
    if (!isInteger(indices) || !sameLead(data, indices) || data.shape.length === 0)
      fail('gatherElements', 'needs integer indices whose shape differs in the last axis only', [
        data,
        indices,
      ]);
    return [{ dtype: data.dtype, shape: indices.shape }];
  },
  expand: ([x], { shape }) => {
    const target = { dtype: x.dtype, shape };
    if (broadcastShapes('expand', x, target).join() !== shape.join())
      fail('expand', `cannot become [${shape.join(', ')}]`, [x]);
    return [target];
  },
  scatterRows: ([indices, updates], { size }) => {
    if (!isInteger(indices) || indices.shape.length !== 1 || indices.shape[0] !== updates.shape[0])
      fail('scatterRows', 'needs integer indices [rows] and updates [rows, ..]', [indices, updates]);
    return [{ dtype: updates.dtype, shape: [size, ...updates.shape.slice(1)] }];
  },
  scatterElements: ([indices, updates], { size }) => {
    if (!isInteger(indices) || indices.shape.length === 0 || indices.shape.join() !== updates.shape.join())
      fail('scatterElements', 'needs integer indices of the shape of the updates', [indices, updates]);
    return [{ dtype: updates.dtype, shape: [...updates.shape.slice(0, -1), size] }];
  },
  stopGradient: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  matmul: ([a, b], { transposeA, transposeB }) => {
    if (a.dtype !== b.dtype || a.shape.length < 2 || b.shape.length < 2) {
      fail('matmul', 'needs two matrices of one element type', [a, b]);
    }
    const [m, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
    const [k2, n] = transposeB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
    if (k !== k2) fail('matmul', `inner sizes ${k} and ${k2} differ`, [a, b]);
    const lead = (x: ValueType): ValueType => ({ dtype: x.dtype, shape: x.shape.slice(0, -2) });
    return [{ dtype: a.dtype, shape: [...broadcastShapes('matmul', lead(a), lead(b), [a, b]), m, n] }];
  },
  quantizeRows: ([x]) => {
    if (x.dtype !== 'float32' || x.shape.length < 2) fail('quantizeRows', 'needs float32 rows', [x]);
    return [
      { dtype: 'uint8', shape: x.shape },
      { dtype: 'float32', shape: [...x.shape.slice(0, -1), 1] },
    ];
  },
  quantizedMatmul: (inputs) => {
    const [q, rowScale, w, columnScale] = inputs;
    const fits =
      q.dtype === 'uint8' &&
      w.dtype === 'int8' &&
      w.shape.length === 2 &&
      q.shape.at(-1) === w.shape[0] &&
      columnScale.shape.length === 1 &&
      columnScale.shape[0] === w.shape[1] &&
      rowScale.shape.at(-1) === 1;
    if (!fits)
      fail('quantizedMatmul', 'needs uint8 [.., k], scales [.., 1], int8 [k, n], scales [n]', inputs);
    return [{ dtype: 'float32', shape: [...q.shape.slice(0, -1), w.shape[1]] }];
  },
  blockMatmul: (inputs, { bits, blockSize, k, n }) => {
    const [x, packed, scales] = inputs;
    const blocks = k / blockSize;
    const fits =
      Number.isInteger(blocks) &&
      x.shape.at(-1) === k &&
      packed.dtype === 'uint8' &&
      packed.shape.join() === [n, blocks, (blockSize * bits) / 8].join() &&
      scales.shape.join() === String(n * blocks);
    if (!fits)
      fail('blockMatmul', `does not fit ${bits} bits, blocks of ${blockSize}, k ${k}, n ${n}`, inputs);
    return [{ dtype: 'float32', shape: [...x.shape.slice(0, -1), n] }];
  },
  rmsNorm: (inputs) => {
    const [x, weight] = inputs;
    if (weight.shape.length !== 1 || weight.shape[0] !== x.shape.at(-1)) {
      fail('rmsNorm', 'the weight must match the last axis', inputs);
    }
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  rotary: (inputs) => {
    const [x, positions, cos, sin] = inputs;
    const fits =
      x.shape.length === 3 &&
      positions.dtype === 'int64' &&
      positions.shape.join() === x.shape.slice(0, 2).join() &&
      cos.shape.join() === sin.shape.join() &&
      Number.isInteger(Number(x.shape[2]) / (2 * Number(cos.shape[1])));
    if (!fits)
      fail(
        'rotary',
        'needs [batch, rows, heads·d], int64 [batch, rows] and two tables [positions, d/2]',
        inputs,
      );
    return [{ dtype: x.dtype, shape: x.shape }];
  },
};
