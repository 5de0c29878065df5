/**
 * Random test cases for every operator: shapes with symbolic and broadcast sizes (symbols are bound to 0 and 1 too),
 * element types and attributes. A new operator without a case does not compile. Test support; not part of the package.
 */

import fc from 'fast-check';
import type { GraphBuilder } from '../builder.ts';
import type { OpAttributes, OpKind } from '../ops.ts';
import { addDims, type Dim, type DType, type Shape, type Value } from '../types.ts';
import {
  anyType,
  broadcastable,
  dim,
  fixedDim,
  floats,
  matrixDim,
  nonEmptyDim,
  numbers,
  seed,
  shapeAndAxis,
  shapes,
} from './arbitraries.ts';
import { type InputSpec, type OperatorCase, type Random, randomTensor, seeded } from './compare.ts';

type Cases = fc.Arbitrary<OperatorCase>;

function unary(
  op: 'neg' | 'abs' | 'exp' | 'tanh' | 'sigmoid' | 'silu' | 'log' | 'sqrt' | 'reciprocal' | 'round',
  element?: InputSpec['element'],
): Cases {
  return fc.record({ shape: shapes(0), dtype: floats, seed }).map(({ shape, dtype, seed }) => ({
    inputs: [{ dtype, shape, element }],
    apply: (b, [x]) => [b[op](x)],
    seed,
  }));
}
const positive = (random: Random) => 0.05 + 4 * random();
const halves = (random: Random) => Math.floor(random() * 20 - 10) / 2;
const fewIntegers = (random: Random) => Math.floor(random() * 4);

const below = (size: number) => (random: Random) => Math.floor(random() * size);

type Binary = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'less' | 'equal';
function binary(op: Binary, dtypes = numbers, element?: InputSpec['element']): Cases {
  return fc
    .record({ pair: broadcastable(2), dtype: dtypes, seed })
    .map(({ pair: [left, right], dtype, seed }) => ({
      inputs: [
        { dtype, shape: left },
        { dtype, shape: right, element },
      ],
      apply: (b, [x, y]) => [b[op](x, y)],
      seed,
    }));
}

function reduction(
  op: 'reduceSum' | 'reduceMax' | 'reduceMean',
  dtypes: fc.Arbitrary<DType>,
  reduced = dim,
): Cases {
  const axis = fc.record({ size: dim, reducedSize: reduced, isReduced: fc.boolean() });
  return fc
    .record({
      axes: fc.array(axis, { minLength: 1, maxLength: 4 }),
      keepDims: fc.boolean(),
      dtype: dtypes,
      seed,
    })
    .map(({ axes, keepDims, dtype, seed }) => ({
      inputs: [{ dtype, shape: axes.map((a) => (a.isReduced ? a.reducedSize : a.size)) }],
      apply: (b, [x]) => [
        b[op](
          x,
          axes.flatMap((a, i) => (a.isReduced ? [i] : [])),
          keepDims,
        ),
      ],
      absolute: 1e-5,
      seed,
    }));
}

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

/** Packs random block-quantized weights as constants; MatMulNBits takes them only so. */
function blockProduct(
  b: GraphBuilder,
  x: Value,
  attributes: OpAttributes['blockMatmul'],
  random: Random,
): Value {
  const { bits, blockSize, k, n } = attributes;
  const blocks = k / blockSize;
  const packed = randomTensor('uint8', [n, blocks, (blockSize * bits) / 8], random, (r) =>
    Math.floor(r() * 256),
  );
  const scales = randomTensor('float32', [n * blocks], random, (r) => (0.5 + r()) / 2 ** bits);
  return b.blockMatmul(x, b.constant(packed), b.constant(scales), attributes);
}

export const operatorCases: { readonly [K in OpKind]: Cases } = {
  neg: unary('neg'),
  abs: unary('abs'),
  exp: unary('exp'),
  log: unary('log', positive),
  sqrt: unary('sqrt', positive),
  reciprocal: unary('reciprocal', positive),
  sigmoid: unary('sigmoid'),
  silu: unary('silu'),
  tanh: unary('tanh'),
  round: unary('round', halves),
  cast: fc
    .record({ shape: shapes(0), from: anyType, to: anyType, seed })
    .map(({ shape, from, to, seed }) => ({
      // Float to integer is defined where the integer exists; integers wrap.
      inputs: [
        { dtype: from, shape, element: from.startsWith('float') ? (random) => random() * 100 : undefined },
      ],
      apply: (b, [x]) => [b.cast(x, to)],
      seed,
    })),
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div', numbers, (random) => 1 + Math.floor(random() * 5)),
  maximum: binary('maximum'),
  less: binary('less'),
  equal: binary('equal', anyType),
  where: fc
    .record({
      triple: broadcastable(3),
      dtype: fc.constantFrom<DType>('float32', 'float64', 'uint8', 'int32', 'int64'),
      seed,
    })
    .map(({ triple: [condition, left, right], dtype, seed }) => ({
      inputs: [
        { dtype: 'bool', shape: condition },
        { dtype, shape: left },
        { dtype, shape: right },
      ],
      apply: (b, [c, x, y]) => [b.where(c, x, y)],
      seed,
    })),
  reduceSum: reduction('reduceSum', fc.constantFrom<DType>('float32', 'float64', 'int32', 'int64')),
  reduceMax: reduction('reduceMax', anyType, nonEmptyDim),
  reduceMean: reduction('reduceMean', floats, nonEmptyDim),
  argMax: fc
    .record({
      before: shapes(0, 2),
      size: nonEmptyDim,
      after: shapes(0, 2),
      keepDims: fc.boolean(),
      dtype: numbers,
      seed,
    })
    .map(({ before, size, after, keepDims, dtype, seed }) => ({
      inputs: [{ dtype, shape: [...before, size, ...after], element: fewIntegers }],
      apply: (b, [x]) => [b.argMax(x, before.length, keepDims)],
      seed,
    })),
  topK: fc
    .record({
      // Kernels fail on zero rows, which `Program.run` refuses.
      before: shapes(0, 2, nonEmptyDim),
      size: fc.constantFrom(5, 40),
      k: fc.integer({ min: 1, max: 5 }),
      dtype: numbers,
      seed,
    })
    .map(({ before, size, k, dtype, seed }) => ({
      inputs: [{ dtype, shape: [...before, size], element: fewIntegers }],
      apply: (b, [x]) => b.topK(x, k),
      seed,
    })),
  softmax: fc.record({ shape: shapes(1), dtype: floats, seed }).map(({ shape, dtype, seed }) => ({
    inputs: [{ dtype, shape }],
    apply: (b, [x]) => [b.softmax(x)],
    seed,
  })),
  logSoftmax: fc.record({ shape: shapes(1), dtype: floats, seed }).map(({ shape, dtype, seed }) => ({
    inputs: [{ dtype, shape }],
    apply: (b, [x]) => [b.logSoftmax(x)],
    seed,
  })),
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
  matmul: fc
    .record({
      leads: broadcastable(2, nonEmptyDim, 2),
      transposes: fc.constantFrom([false, false], [true, false], [false, true], [true, true]),
      m: matrixDim,
      k: matrixDim,
      n: matrixDim,
      scale: fc.constantFrom(1, 0.125, 0.1),
      dtype: floats,
      seed,
    })
    .map(({ leads: [leadA, leadB], transposes: [transposeA, transposeB], m, k, n, scale, dtype, seed }) => {
      // `Program.run` refuses an empty inner size beside a transposed operand, see onnx/kernel-limits.ts.
      const inner = k === 'slots' && (transposeA || transposeB) ? 'rows' : k;
      // The kernels get the batch of an empty product wrong when one operand's batch is broadcast.
      const leadOfB = [m, k, n].includes('slots') ? leadA : leadB;
      return {
        inputs: [
          { dtype, shape: [...leadA, ...(transposeA ? [inner, m] : [m, inner])] },
          { dtype, shape: [...leadOfB, ...(transposeB ? [n, inner] : [inner, n])] },
        ],
        apply: (b, [x, y]) => [b.matmul(x, y, { transposeA, transposeB, scale })],
        absolute: 1e-4,
        seed,
      };
    }),
  quantizeRows: fc
    .record({ before: shapes(1, 3), width: fc.constantFrom(1, 3, 16, 65), seed })
    .map(({ before, width, seed }) => ({
      inputs: [{ dtype: 'float32', shape: [...before, width] }],
      apply: (b, [x]) => b.quantizeRows(x),
      seed,
    })),
  quantizedMatmul: fc
    .record({ before: shapes(1, 3), k: fc.constantFrom(1, 3, 16, 65), n: fc.constantFrom(1, 5, 33), seed })
    .map(({ before, k, n, seed }) => ({
      inputs: [
        { dtype: 'uint8', shape: [...before, k], element: (random) => Math.floor(random() * 256) },
        { dtype: 'float32', shape: [...before, 1], element: positive },
      ],
      apply: (b, [q, rowScale]) => {
        const random = seeded(seed);
        const w = randomTensor('int8', [k, n], random, (r) => Math.floor(r() * 255) - 127);
        return [
          b.quantizedMatmul(
            q,
            rowScale,
            b.constant(w),
            b.constant(randomTensor('float32', [n], random, positive)),
          ),
        ];
      },
      seed,
    })),
  blockMatmul: fc
    .record({
      before: shapes(1, 2),
      bits: fc.constantFrom<4 | 8>(4, 8),
      blockSize: fc.constantFrom(16, 32),
      blocks: fixedDim,
      n: fc.constantFrom(1, 5, 17),
      seed,
    })
    .map(({ before, bits, blockSize, blocks, n, seed }) => ({
      inputs: [
        { dtype: 'float32', shape: [...before, blockSize * blocks], element: (random) => random() * 2 - 1 },
      ],
      apply: (b, [x]) => [blockProduct(b, x, { bits, blockSize, k: blockSize * blocks, n }, seeded(seed))],
      // The kernel rounds activations to 1/127 of their block's largest; weights are below 0.75.
      absolute: ((blockSize * blocks) / 254) * 0.75,
      seed,
    })),
  rmsNorm: fc
    .record({ before: shapes(1, 3), width: fc.constantFrom(1, 3, 16, 65), dtype: floats, seed })
    .map(({ before, width, dtype, seed }) => ({
      inputs: [
        { dtype, shape: [...before, width] },
        { dtype, shape: [width] },
      ],
      apply: (b, [x, weight]) => [b.rmsNorm(x, weight, 1e-5)],
      seed,
    })),
  rotary: fc
    .record({
      batch: dim,
      rows: dim,
      heads: fixedDim,
      half: fc.constantFrom(1, 4, 32),
      seed,
    })
    .map(({ batch, rows, heads, half, seed }) => ({
      inputs: [
        { dtype: 'float32', shape: [batch, rows, heads * 2 * half] },
        { dtype: 'int64', shape: [batch, rows], element: (random) => Math.floor(random() * 11) },
        { dtype: 'float32', shape: [11, half] },
        { dtype: 'float32', shape: [11, half] },
      ],
      apply: (b, [x, positions, cos, sin]) => [b.rotary(x, positions, cos, sin)],
      absolute: 1e-5,
      seed,
    })),
};
