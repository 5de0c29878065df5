import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../builder.ts';
import { shapeRules } from '../shapes.ts';
import { float32, type Tensor, tensor, type Value, zeros } from '../types.ts';
import { evaluate, evaluationRules } from './evaluate.ts';

/** Evaluates one value over the named inputs. */
function evaluateOne(
  inputs: Record<string, Tensor>,
  add: (b: GraphBuilder, inputs: Value[]) => Value,
): Tensor {
  const b = new GraphBuilder();
  const values = Object.entries(inputs).map(([name, { dtype, shape }]) => b.input(name, dtype, shape));
  b.output('out', add(b, values));
  return evaluate(b.build(), inputs).out;
}

const float64 = (shape: readonly number[], data: readonly number[]) =>
  tensor('float64', shape, Float64Array.from(data));

describe('evaluate', () => {
  it('has a rule for exactly the operators that have a shape rule', () => {
    expect(Object.keys(evaluationRules).sort()).toEqual(Object.keys(shapeRules).sort());
  });

  it('keeps float64 programs in float64', () => {
    const x = float64([1, 2], [1 + 2 ** -50, 2 ** -50]);
    const sum = evaluateOne({ x }, (b, [v]) =>
      b.reduceSum(b.matmul(v, v, { transposeB: true }), [0, 1], false),
    );
    expect(sum).toEqual(float64([], [(1 + 2 ** -50) ** 2 + 2 ** -100]));
    const softmax = evaluateOne({ x: float64([2], [0, Math.log(3)]) }, (b, [v]) => b.softmax(v));
    expect(softmax.data[1]).toBeCloseTo(0.75, 15);
  });

  it('agrees with matrix products, quantized blocks and rotations worked by hand', () => {
    const a = float32([2, 2], [1, 2, 3, 4]);
    expect([
      ...evaluateOne({ a }, (b, [v]) => b.matmul(v, v, { transposeA: true, scale: 0.5 })).data,
    ]).toEqual([5, 7, 7, 10]);

    // Codes 0..15 minus 8, low nibble first; two blocks of 16 with scales 1 and 2.
    const packed = Uint8Array.from({ length: 16 }, (_, i) => ((2 * i) % 16) | (((2 * i + 1) % 16) << 4));
    const x = zeros('float32', [1, 32]);
    x.data.set([1, 1], 0);
    x.data[31] = 1;
    const product = evaluateOne({ x }, (b, [v]) => {
      const weights = b.constant(tensor('uint8', [1, 2, 8], packed));
      return b.blockMatmul(v, weights, b.constant(float32([2], [1, 2])), {
        bits: 4,
        blockSize: 16,
        k: 32,
        n: 1,
      });
    });
    expect([...product.data]).toEqual([-8 + -7 + 2 * 7]);

    const quarterTurn = evaluateOne({ x: float32([1, 1, 4], [1, 2, 3, 4]) }, (b, [v]) => {
      const positions = b.constant(tensor('int64', [1, 1], BigInt64Array.of(1n)));
      const table = (...row: number[]) => b.constant(float32([2, 2], [9, 9, ...row]));
      return b.rotary(v, positions, table(0, 1), table(1, 0));
    });
    expect([...quarterTurn.data]).toEqual([-3, 2, 1, 4]);
  });

  it('refuses indices outside the data', () => {
    const x = float32([3], [1, 2, 3]);
    const at = (index: bigint) => tensor('int64', [1], BigInt64Array.of(index));
    expect([...evaluateOne({ x, i: at(-1n) }, (b, [v, i]) => b.gather(v, i)).data]).toEqual([3]);
    expect(() => evaluateOne({ x, i: at(3n) }, (b, [v, i]) => b.gather(v, i))).toThrow('gather: index 3');
  });

  it('prints the node whose result does not have the declared shape', () => {
    const b = new GraphBuilder();
    b.output('tail', b.slice(b.input('x', 'float32', ['rows']), 0, -3));
    const graph = b.build();
    expect([...evaluate(graph, { x: float32([4], [1, 2, 3, 4]) }).tail.data]).toEqual([2, 3, 4]);
    expect(() => evaluate(graph, { x: float32([2], [1, 2]) })).toThrow(
      /slice\(.*evaluated to float32\[2\], not float32\[3\]/,
    );
  });

  it('checks inputs as programs do', () => {
    const b = new GraphBuilder();
    b.output('y', b.neg(b.input('x', 'float32', ['rows', 2])));
    expect(() => evaluate(b.build(), { x: zeros('float32', [2, 3]) })).toThrow('x is float32[2, 3]');
  });
});
