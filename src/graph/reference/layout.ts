/** Reference evaluation of layout operators: elements move, so every element type works; scatters also add them up. */

import type { EvaluationRules } from '../ops.ts';
import { sizeOf, type Tensor } from '../types.ts';
import { around, broadcastIndices, fromNumbers, numbersOf, pick, stridesOf } from './indexing.ts';

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

/** Indices as positions in [0, size); negative ones count from the end. */
function positionsOf(op: string, indices: Tensor, size: number): number[] {
  return Array.from(numbersOf(indices), (index) => {
    if (index < -size || index >= size) throw new Error(`${op}: index ${index} is outside [0, ${size})`);
    return index < 0 ? index + size : index;
  });
}

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
    const positions = positionsOf('gather', indices, data.shape[axis]);
    const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
    return [{ ...takeAlong(data, axis, positions), shape }];
  },
  gatherElements: ([data, indices]) => {
    const size = data.shape.at(-1)!;
    const count = indices.shape.at(-1)!;
    const positions = positionsOf('gatherElements', indices, size);
    return [
      pick(
        data,
        indices.shape,
        positions.map((position, i) => Math.floor(i / count) * size + position),
      ),
    ];
  },
  expand: ([x], { shape }, size) => {
    const sizes = shape.map(size);
    return [pick(x, sizes, broadcastIndices(x.shape, sizes))];
  },
  scatterRows: ([indices, updates], { size }, sizeOfDim) => {
    const rows = sizeOfDim(size);
    const { inner } = around(updates.shape, 0);
    const numbers = numbersOf(updates);
    const out = new Float64Array(rows * inner);
    for (const [row, position] of positionsOf('scatterRows', indices, rows).entries()) {
      for (let i = 0; i < inner; i++) out[position * inner + i] += numbers[row * inner + i];
    }
    return [fromNumbers(updates.dtype, [rows, ...updates.shape.slice(1)], out)];
  },
  scatterElements: ([indices, updates], { size }, sizeOfDim) => {
    const width = sizeOfDim(size);
    const { outer, size: count } = around(updates.shape, updates.shape.length - 1);
    const numbers = numbersOf(updates);
    const out = new Float64Array(outer * width);
    for (const [i, position] of positionsOf('scatterElements', indices, width).entries())
      out[Math.floor(i / count) * width + position] += numbers[i];
    return [fromNumbers(updates.dtype, [...updates.shape.slice(0, -1), width], out)];
  },
  stopGradient: ([x]) => [x],
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
