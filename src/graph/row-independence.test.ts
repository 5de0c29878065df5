/**
 * Lossless speculation rests on this: what a row computes must not depend, in any bit, on how many rows are
 * computed with it. Integer products and row-wise kernels promise it for every shape, and so do float products with
 * constant weights, which are packed. Products of two inputs keep it only with a scale other than 1 (plain ones have
 * kernels of their own for one row and one column) and inner sizes up to 128 (beyond, the order of the sum depends
 * on how threads share the work).
 */

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.ts';
import { Program } from './session.ts';
import { randomTensor, seeded } from './testing/compare.ts';
import { type Dim, type DType, sizeOf, type Tensor, type Value } from './types.ts';

const allRows = 64;
const counts = [1, 2, 3, 7, 16, 64];

interface RowProgram {
  name: string;
  /** Inputs by row: element type, shape before and after the 'rows' axis. */
  inputs: { dtype: DType; before?: readonly number[]; after: readonly number[] }[];
  /** Float inputs that all runs share; as constants they would be packed for other kernels. */
  fixed?: readonly (readonly number[])[];
  apply(b: GraphBuilder, inputs: readonly Value[]): Value;
}

const weights = (shape: readonly number[], dtype: DType = 'float32') => randomTensor(dtype, shape, seeded(5));
const float = (...after: number[]) => ({ dtype: 'float32' as const, after });

const programs: RowProgram[] = [
  {
    name: 'quantizeRows + quantizedMatmul',
    inputs: [float(576)],
    apply: (b, [x]) => {
      const [q, scale] = b.quantizeRows(x);
      const w = randomTensor('int8', [576, 96], seeded(3), (random) => Math.floor(random() * 255) - 127);
      return b.quantizedMatmul(q, scale, b.constant(w), b.constant(weights([96])));
    },
  },
  {
    name: 'rmsNorm',
    inputs: [float(576)],
    apply: (b, [x]) => b.rmsNorm(x, b.constant(weights([576])), 1e-5),
  },
  {
    name: 'rotary',
    // The kernel wants tables with at least as many positions as rows.
    inputs: [
      { dtype: 'float32', before: [1], after: [3 * 64] },
      { dtype: 'int64', before: [1], after: [] },
    ],
    apply: (b, [x, positions]) =>
      b.rotary(x, positions, b.constant(weights([allRows, 32])), b.constant(weights([allRows, 32]))),
  },
  { name: 'softmax', inputs: [float(333)], apply: (b, [x]) => b.softmax(x) },
  { name: 'sigmoid', inputs: [float(77)], apply: (b, [x]) => b.sigmoid(x) },
  { name: 'silu', inputs: [float(77)], apply: (b, [x]) => b.silu(x) },
  { name: 'exp', inputs: [float(77)], apply: (b, [x]) => b.exp(x) },
  ...[576, 1536].map((k) => ({
    name: `matmul with constant weights, k ${k}`,
    inputs: [float(k)],
    apply: (b: GraphBuilder, [x]: readonly Value[]) => b.matmul(x, b.constant(weights([k, 96]))),
  })),
  ...[64, 128].flatMap((k) => [
    {
      name: `matmul, scaled, k ${k}`,
      inputs: [float(k)],
      fixed: [[k, 96]],
      apply: (b: GraphBuilder, [x, y]: readonly Value[]) => b.matmul(x, y, { scale: 0.125 }),
    },
    {
      name: `matmul, scaled and transposed, k ${k}`,
      inputs: [float(k)],
      fixed: [[300, k]],
      apply: (b: GraphBuilder, [x, y]: readonly Value[]) =>
        b.matmul(x, y, { scale: 0.125, transposeB: true }),
    },
    {
      name: `matmul, scaled, one column, k ${k}`,
      inputs: [float(k)],
      fixed: [[1, k]],
      apply: (b: GraphBuilder, [x, y]: readonly Value[]) =>
        b.matmul(x, y, { scale: 0.125, transposeB: true }),
    },
  ]),
];

/** Rows [start, start + count) of a tensor whose axes before the rows have size 1. */
function takeRows(tensor: Tensor, rows: number, start: number, count: number): Tensor['data'] {
  const width = tensor.data.length / rows;
  return tensor.data.slice(start * width, (start + count) * width);
}

describe.each([1, 2])('with %i threads, a row is bitwise the same alone and among others', (threads) => {
  it.each(programs)('$name', async ({ inputs, fixed = [], apply }) => {
    const b = new GraphBuilder();
    const values = inputs.map(({ dtype, before = [], after }, i) =>
      b.input(`input${i}`, dtype, [...before, 'rows', ...after] as Dim[]),
    );
    const shared = fixed.map((shape, i) => b.input(`fixed${i}`, 'float32', shape));
    b.output('out', apply(b, [...values, ...shared]));
    const program = await Program.load(b.build(), { providers: ['cpu'], threads });
    const random = seeded(1);
    const data = inputs.map(({ dtype, before = [], after }) => {
      const shape = [...before, allRows, ...after];
      return randomTensor(
        dtype,
        shape,
        random,
        dtype === 'int64' ? (r) => Math.floor(r() * allRows) : undefined,
      );
    });
    const fixedFeeds = Object.fromEntries(fixed.map((shape, i) => [`fixed${i}`, weights(shape)]));
    const run = async (start: number, count: number) => {
      const feeds = inputs.map(({ before = [], after }, i) => ({
        ...data[i],
        shape: [...before, count, ...after],
        data: takeRows(data[i], allRows, start, count),
      }));
      const named = Object.fromEntries(feeds.map((feed, i) => [`input${i}`, feed as Tensor]));
      return (await program.run({ ...named, ...fixedFeeds })).out;
    };
    const together = await run(0, allRows);
    expect(new Set(together.data as Float32Array).size).toBeGreaterThan(sizeOf(together.shape) / 10);
    for (const count of counts) {
      for (let start = 0; start + count <= allRows; start += Math.max(count, 5)) {
        const { data: some } = await run(start, count);
        expect(some, `${count} rows from ${start}`).toEqual(takeRows(together, allRows, start, count));
      }
    }
    await program[Symbol.asyncDispose]();
  });
});
