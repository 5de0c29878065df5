/** Reference evaluation of layout operators: elements move, none is computed, so every element type works. */

import type { EvaluationRules } from '../ops.ts';
import { sizeOf, type Tensor } from '../types.ts';
import { around, numbersOf, pick, stridesOf } from './indexing.ts';

/** `x` with the positions of one axis replaced by the listed ones. */
function takeAlong(x: Tensor, axis: number, positions: readonly number[]): Tensor {
  const { outer, size, inner } = around(x.shape, axis);
  const shape = x.shape.map((n, a) => (a === axis ? positions.length : n));
  const indices: number[] = [];
  for (let o = 0; o < outer; o++) {
    for (const position of positions) {
      for (let i = 0; i < inner; i++) indices.push((o * size + position) * inner + i);
    }
  }
  return pick(x, shape, indices);
}

const range = (start: number, end: number) =>
  Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);

export const layout = {
  reshape: ([x], { shape }, size) => [{ ...x, shape: shape.map(size) }],
  transpose: ([x], { permutation }) => {
    const from = stridesOf(x.shape);
    const shape = permutation.map((axis) => x.shape[axis]);
    const to = stridesOf(shape);
    const indices = Int32Array.from({ length: sizeOf(shape) }, (_, flat) =>
      permutation.reduce((sum, axis, i) => sum + (Math.floor(flat / to[i]) % shape[i]) * from[axis], 0),
    );
    return [pick(x, shape, indices)];
  },
  concat: (inputs, { axis }) => {
    const shape = inputs[0].shape.map((n, a) =>
      a === axis ? inputs.reduce((sum, input) => sum + input.shape[axis], 0) : n,
    );
    const { outer, size, inner } = around(shape, axis);
    // Where each element comes from, counted through the inputs laid end to end.
    const indices = new Int32Array(sizeOf(shape));
    let [before, offset] = [0, 0];
    for (const input of inputs) {
      const block = input.shape[axis] * inner;
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < block; i++) indices[(o * size + offset) * inner + i] = before + o * block + i;
      }
      before += sizeOf(input.shape);
      offset += input.shape[axis];
    }
    return [pick(endToEnd(inputs), shape, indices)];
  },
  split: ([x], { axis, sizes }, size) => {
    let start = 0;
    return sizes.map((dim) => {
      const end = start + size(dim);
      const part = takeAlong(x, axis, range(start, end));
      start = end;
      return part;
    });
  },
  slice: ([x], { axis, start, end }) => {
    const length = x.shape[axis];
    const clamp = (i: number) => Math.min(length, Math.max(0, i < 0 ? length + i : i));
    return [takeAlong(x, axis, range(clamp(start), clamp(end)))];
  },
  gather: ([data, indices], { axis }) => {
    const size = data.shape[axis];
    const positions = Array.from(numbersOf(indices), (index) => {
      if (index < -size || index >= size) throw new Error(`gather: index ${index} is outside [0, ${size})`);
      return index < 0 ? index + size : index;
    });
    const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
    return [{ ...takeAlong(data, axis, positions), shape }];
  },
} satisfies Partial<EvaluationRules>;

/** All elements of tensors of one type, as one axis. */
function endToEnd(inputs: readonly Tensor[]): Tensor {
  const total = inputs.reduce((sum, input) => sum + input.data.length, 0);
  const out = pick(inputs[0], [total], []);
  let offset = 0;
  for (const input of inputs) {
    // All inputs have one element type, which the union of tensors cannot express.
    (out.data as Float64Array).set(input.data as Float64Array, offset);
    offset += input.data.length;
  }
  return out;
}
