/**
 * Row-major index arithmetic of the reference evaluation, and numbers in and out of typed arrays.
 * Numbers are float64 throughout and rounded once when they are stored; int64 is exact up to 2^53.
 */

import { type DType, sizeOf, type Tensor, zeros } from '../types.ts';

/** Elements of a tensor as numbers. */
export function numbersOf(tensor: Tensor): ArrayLike<number> {
  return tensor.dtype === 'int64' ? Float64Array.from(tensor.data, Number) : tensor.data;
}

/** A tensor of the given type; storing rounds to it, integers toward zero. */
export function fromNumbers(dtype: DType, shape: readonly number[], numbers: ArrayLike<number>): Tensor {
  const out = zeros(dtype, shape);
  if (out.dtype === 'int64') out.data.set(Array.from(numbers, (x) => BigInt(Math.trunc(x))));
  else out.data.set(numbers);
  return out;
}

/** Distance between neighbours along each axis. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/**
 * For each element of `to`, in row-major order, the flat index of the element of `from` that broadcasts to it.
 * Read backwards it maps each element of `to` to the element of a keepDims reduction that absorbs it.
 */
export function broadcastIndices(from: readonly number[], to: readonly number[]): Int32Array {
  const missing = to.length - from.length;
  const fromStrides = stridesOf(from);
  const toStrides = stridesOf(to);
  const out = new Int32Array(sizeOf(to));
  for (let flat = 0; flat < out.length; flat++) {
    for (let axis = missing; axis < to.length; axis++) {
      if (from[axis - missing] === 1) continue;
      const coordinate = Math.floor(flat / toStrides[axis]) % to[axis];
      out[flat] += coordinate * fromStrides[axis - missing];
    }
  }
  return out;
}

/** Shape that two concrete shapes broadcast to; a size of 1 gives way to the other, even to 0. */
export function broadcastSizes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    return x === 1 ? y : x;
  });
}

/** A tensor seen as [outer, size, inner] around one axis. */
export function around(shape: readonly number[], axis: number) {
  return { outer: sizeOf(shape.slice(0, axis)), size: shape[axis], inner: sizeOf(shape.slice(axis + 1)) };
}

/** A tensor whose element i is element `indices[i]` of `x`, whatever the element type. */
export function pick(x: Tensor, shape: readonly number[], indices: ArrayLike<number>): Tensor {
  const out = zeros(x.dtype, shape);
  // Both arrays have the element type of `x`, which the union of tensors cannot express.
  const [target, source] = [out.data as Float64Array, x.data as Float64Array];
  for (let i = 0; i < indices.length; i++) target[i] = source[indices[i]];
  return out;
}
