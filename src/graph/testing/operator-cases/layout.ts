/** Random cases of layout operators. Test support; not part of the package. */

import fc from 'fast-check';
import type { OpKind } from '../../ops.ts';
import { addDims, type Dim, type DType, type Shape } from '../../types.ts';
import {
  anyType,
  type Cases,
  dim,
  fixedDim,
  floats,
  numbers,
  seed,
  shapeAndAxis,
  shapes,
} from '../arbitraries.ts';
import type { Random } from '../compare.ts';

const below = (size: number) => (random: Random) => Math.floor(random() * size);

/** One symbol may change its place beside others only where those are not 0, so 'slots' stays in front or alone. */
// biome-ignore format: a table
const reshapes: readonly [Shape, Shape][] = [
  [['rows', 6, 4], ['rows', 24]],
  [['rows', 6, 4], ['rows', 3, 8]],
  [['rows', 24], [1, 'rows', 2, 12]],
  [['slots', 12], [3, 'slots', 4]],
  [['slots', 12], [12, 'slots']],
  [['rows', 'slots', 6], ['rows', 3, 'slots', 2]],
  [['rows', 3], ['3*rows']],
  [['3*rows', 2], ['rows', 6]],
  [[2, 6], [3, 4]],
  [[0, 6], [3, 0]],
  [[1, 1], []],
  [[], [1, 1, 1]],
];

const slices: readonly [Dim, number, number][] = [
  [5, 0, 5],
  [5, 1, 3],
  [5, 3, 1],
  [5, -2, Infinity],
  [5, -4, -1],
  [5, 2, 99],
  ['slots', 0, Infinity],
  ['rows', -1, Infinity],
  ['rows', 0, 1],
];

export const layout = {
  reshape: fc
    .record({ pair: fc.constantFrom(...reshapes), dtype: anyType, seed })
    .map(({ pair: [from, to], dtype, seed }) => ({
      inputs: [{ dtype, shape: from }],
      apply: (b, [x]) => [b.reshape(x, to)],
      seed,
    })),
  transpose: fc
    .record({
      shape: shapes(1),
      order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
      dtype: anyType,
      seed,
    })
    .map(({ shape, order, dtype, seed }) => ({
      inputs: [{ dtype, shape }],
      apply: (b, [x]) => [
        b.transpose(
          x,
          order.filter((axis) => axis < shape.length),
        ),
      ],
      seed,
    })),
  concat: fc
    .record({
      base: shapeAndAxis,
      along: fc.array(dim, { minLength: 1, maxLength: 3 }),
      dtype: anyType,
      seed,
    })
    .map(({ base: [shape, axis], along, dtype, seed }) => ({
      inputs: along.map((size) => ({ dtype, shape: shape.map((n, i) => (i === axis ? size : n)) })),
      apply: (b, inputs) => [b.concat(inputs, axis)],
      seed,
    })),
  split: fc
    .record({
      base: shapeAndAxis,
      parts: fc.array(dim, { minLength: 1, maxLength: 3 }),
      dtype: anyType,
      seed,
    })
    .map(({ base: [shape, axis], parts, dtype, seed }) => ({
      inputs: parts.map((size) => ({ dtype, shape: shape.map((n, i) => (i === axis ? size : n)) })),
      // The program reads a symbolic part's size off an input, so the parts are joined first.
      apply: (b, inputs) =>
        b.split(
          b.concat(inputs, axis),
          axis,
          parts.map((size) => addDims(size, 0)),
        ),
      seed,
    })),
  slice: fc
    .record({
      before: shapes(0, 2),
      cut: fc.constantFrom(...slices),
      after: shapes(0, 2),
      dtype: anyType,
      seed,
    })
    .map(({ before, cut: [size, start, end], after, dtype, seed }) => ({
      inputs: [{ dtype, shape: [...before, size, ...after] }],
      apply: (b, [x]) => [b.slice(x, before.length, start, end)],
      seed,
    })),
  gather: fc
    .record({
      before: shapes(0, 2),
      size: fixedDim,
      after: shapes(0, 2),
      indices: shapes(0, 2),
      indexType: fc.constantFrom<DType>('int32', 'int64'),
      dtype: anyType,
      seed,
    })
    .map(({ before, size, after, indices, indexType, dtype, seed }) => ({
      inputs: [
        { dtype, shape: [...before, size, ...after] },
        { dtype: indexType, shape: indices, element: (random) => Math.floor(random() * 2 * size) - size },
      ],
      apply: (b, [data, at]) => [b.gather(data, at, before.length)],
      seed,
    })),
  gatherElements: fc
    .record({ lead: shapes(0, 2), size: fixedDim, count: dim, dtype: numbers, seed })
    .map(({ lead, size, count, dtype, seed }) => ({
      inputs: [
        { dtype, shape: [...lead, size] },
        { dtype: 'int64', shape: [...lead, count], element: below(size) },
      ],
      apply: (b, [data, at]) => [b.gatherElements(data, at)],
      seed,
    })),
  expand: fc.record({ full: shapes(0, 4), dtype: floats, seed }).map(({ full, dtype, seed }) => ({
    // One axis of each pair is narrow; the full shape's sizes must be read off an input.
    inputs: [
      { dtype, shape: full.map((size, axis) => (axis % 2 === 0 ? 1 : size)) },
      { dtype, shape: full },
    ],
    apply: (b, [x, like]) => [b.expand(x, full), b.neg(like)],
    seed,
  })),
  scatterRows: fc
    .record({ rows: dim, size: fixedDim, rest: shapes(0, 2), dtype: floats, seed })
    .map(({ rows, size, rest, dtype, seed }) => ({
      inputs: [
        { dtype: 'int64', shape: [rows], element: below(size) },
        { dtype, shape: [rows, ...rest] },
      ],
      apply: (b, [at, updates]) => [b.scatterRows(at, updates, size)],
      absolute: 1e-5,
      seed,
    })),
  scatterElements: fc
    .record({ lead: shapes(0, 2), size: fixedDim, count: dim, dtype: floats, seed })
    .map(({ lead, size, count, dtype, seed }) => ({
      inputs: [
        { dtype: 'int64', shape: [...lead, count], element: below(size) },
        { dtype, shape: [...lead, count] },
      ],
      apply: (b, [at, updates]) => [b.scatterElements(at, updates, size)],
      absolute: 1e-5,
      seed,
    })),
  stopGradient: fc.record({ shape: shapes(0), dtype: anyType, seed }).map(({ shape, dtype, seed }) => ({
    inputs: [{ dtype, shape }],
    apply: (b, [x]) => [b.stopGradient(x)],
    seed,
  })),
} satisfies Partial<Record<OpKind, Cases>>;
