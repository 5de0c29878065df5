/** Random shapes and element types of operator cases. Test support; not part of the package. */

import fc from 'fast-check';
import type { Dim, DType, Shape } from '../types.ts';
import type { OperatorCase, Random } from './compare.ts';

export type Cases = fc.Arbitrary<OperatorCase>;

export const seed = fc.integer();
export const dim = fc.constantFrom<Dim>(1, 2, 3, 5, 'rows', 'slots');
export const matrixDim = fc.constantFrom<Dim>(1, 2, 33, 'rows', 'slots');
export const fixedDim = fc.constantFrom(1, 2, 3, 5);
export const floats = fc.constantFrom<DType>('float32', 'float64');
export const numbers = fc.constantFrom<DType>('float32', 'float64', 'int8', 'uint8', 'int32', 'int64');
export const anyType = fc.constantFrom<DType>(
  'float32',
  'float64',
  'int8',
  'uint8',
  'int32',
  'int64',
  'bool',
);

export const shapes = (minLength: number, maxLength = 4, size = dim) =>
  fc.array(size, { minLength, maxLength });
/** Sizes of axes that a kernel does not take empty. */
export const nonEmptyDim = fc.constantFrom<Dim>(1, 2, 5, 'rows');
/** A shape and one of its axes. */
export const shapeAndAxis = shapes(1).chain((shape) =>
  fc.tuple(fc.constant(shape), fc.nat(shape.length - 1)),
);

/** `count` shapes that broadcast against each other: any axis may be 1, leading ones may be missing. */
export function broadcastable(count: number, size = dim, maxRank = 4): fc.Arbitrary<Shape[]> {
  const narrow = fc.array(fc.constantFrom('full', 'one'), { minLength: 4, maxLength: 4 });
  return fc
    .tuple(
      shapes(0, maxRank, size),
      fc.array(fc.record({ drop: fc.nat(2), narrow }), { minLength: count, maxLength: count }),
    )
    .map(([full, variants]) =>
      variants.map(({ drop, narrow: kinds }) =>
        full.map((size, axis) => (kinds[axis] === 'one' ? 1 : size)).slice(Math.min(drop, full.length)),
      ),
    );
}

/** Elements that logarithms, roots and divisions take. */
export const positive = (random: Random) => 0.05 + 4 * random();
