import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../errors.ts';
import { GraphBuilder } from './builder.ts';
import { addDims, type DType, type Shape, type Value } from './types.ts';

/** Adds float32 inputs of the given shapes and applies `add` to them. */
function build(
  shapes: readonly Shape[],
  add: (b: GraphBuilder, inputs: Value[]) => unknown,
  dtype: DType = 'float32',
) {
  const b = new GraphBuilder();
  const inputs = shapes.map((shape, i) => b.input(`input${i}`, dtype, shape));
  return add(b, inputs);
}

type Mistake = [op: string, shapes: Shape[], add: (b: GraphBuilder, inputs: Value[]) => unknown, DType?];

const mistakes: Mistake[] = [
  ['neg', [[2]], (b, [x]) => b.neg(x), 'int32'],
  ['add', [[2, 3], [2]], (b, [x, y]) => b.add(x, y)],
  ['mul', [['rows'], ['slots']], (b, [x, y]) => b.mul(x, y)],
  ['sub', [[2], [2]], (b, [x, y]) => b.sub(x, b.cast(y, 'float64'))],
  ['where', [[2], [2], [2]], (b, [c, x, y]) => b.where(c, x, y)],
  ['reduceSum', [[2, 3]], (b, [x]) => b.reduceSum(x, [2])],
  ['reduceMean', [[2, 3]], (b, [x]) => b.reduceMean(x, [-1])],
  ['argMax', [[2, 3]], (b, [x]) => b.argMax(x, 2)],
  ['topK', [[2, 3]], (b, [x]) => b.topK(x, 4)],
  ['topK', [[2, 3]], (b, [x]) => b.topK(x, 0)],
  ['reshape', [['rows', 6]], (b, [x]) => b.reshape(x, ['rows', 5])],
  ['reshape', [['rows', 6]], (b, [x]) => b.reshape(x, ['slots', 6])],
  ['transpose', [[2, 3]], (b, [x]) => b.transpose(x, [0, 0])],
  [
    'concat',
    [
      [2, 3],
      [2, 4],
    ],
    (b, inputs) => b.concat(inputs, 0),
  ],
  ['split', [['rows', 6]], (b, [x]) => b.split(x, 1, [2, 3])],
  ['slice', [['rows', 6]], (b, [x]) => b.slice(x, 0, 1)],
  ['gather', [[4, 2], [3]], (b, [x, at]) => b.gather(x, at)],
  [
    'matmul',
    [
      [2, 3],
      [4, 5],
    ],
    (b, [x, y]) => b.matmul(x, y),
  ],
  [
    'matmul',
    [
      [2, 3],
      [3, 5],
    ],
    (b, [x, y]) => b.matmul(x, y, { transposeB: true }),
  ],
  ['matmul', [[3], [3, 5]], (b, [x, y]) => b.matmul(x, y)],
  [
    'matmul',
    [
      [2, 2, 3],
      [3, 3, 5],
    ],
    (b, [x, y]) => b.matmul(x, y),
  ],
  ['quantizeRows', [[3]], (b, [x]) => b.quantizeRows(x)],
  ['quantizedMatmul', [[2, 3], [2, 1], [3, 4], [4]], (b, [q, s, w, c]) => b.quantizedMatmul(q, s, w, c)],
  [
    'blockMatmul',
    [[2, 40], [5, 2, 16], [10]],
    (b, [x, w, s]) => b.blockMatmul(x, w, s, { bits: 4, blockSize: 32, k: 40, n: 5 }),
  ],
  ['rmsNorm', [[2, 3], [2]], (b, [x, w]) => b.rmsNorm(x, w, 1e-5)],
  [
    'rotary',
    [
      [2, 3, 4],
      [2, 3],
      [9, 2],
      [9, 2],
    ],
    (b, [x, p, c, s]) => b.rotary(x, p, c, s),
  ],
];

describe('a wrong shape fails where the operator is added', () => {
  it.each(mistakes)('%s of %j', (op, shapes, add, dtype) => {
    let error: unknown;
    try {
      build(shapes, add, dtype);
    } catch (caught) {
      error = caught;
    }
    if (!QuickstepError.isInstance(error)) throw new Error(`expected a QuickstepError, got ${error}`);
    expect(error.code).toBe('bad-shape');
    expect(error.message.startsWith(`${op}(`)).toBe(true);
    expect(error.message, 'names the shapes').toContain(`[${shapes[0].join(', ')}]`);
  });
});

describe('symbolic sizes', () => {
  it('add up in one canonical form', () => {
    expect(addDims('slots', 'rows')).toBe('rows+slots');
    expect(addDims(addDims('slots', 2), addDims('rows', 3))).toBe('rows+slots+5');
    expect(addDims(2, 3)).toBe(5);
    expect(addDims('rows', 0)).toBe('rows');
  });

  it('flow through concat, split, slice and reshape', () => {
    const parts = build(
      [
        ['slots', 4],
        ['rows', 4],
      ],
      (b, inputs) => b.split(b.concat(inputs, 0), 0, ['rows', 'slots']),
    );
    expect((parts as Value[]).map(({ shape }) => shape)).toEqual([
      ['rows', 4],
      ['slots', 4],
    ]);
    expect(build([['rows', 4]], (b, [x]) => b.slice(x, 0, -1))).toMatchObject({ shape: [1, 4] });
    expect(build([['rows', 6]], (b, [x]) => b.reshape(x, ['3*rows', 2]))).toMatchObject({
      shape: ['3*rows', 2],
    });
  });
});
