/**
 * Integer products must be exact whatever the processor: without VNNI, ONNX Runtime's default kernels add pairs of
 * uint8 × int8 products in 16 bits and saturate, which the session option of `Program.load` prevents.
 */

import * as web from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.ts';
import { evaluate } from './reference/evaluate.ts';
import { Program, type ProgramOptions, type Runtime } from './session.ts';
import { float32, type Tensor, tensor } from './types.ts';

web.env.wasm.numThreads = 1;
const runtimes: { name: string; options: ProgramOptions }[] = [
  { name: 'node', options: { providers: ['cpu'] } },
  { name: 'wasm', options: { providers: ['wasm'], runtime: web as unknown as Runtime } },
];

const columns = 5;
/** Columns of only 127, only -127, alternating signs, pairs of one sign, and zeros. */
const extremeWeight = (k: number, column: number) =>
  [127, -127, k % 2 === 0 ? 127 : -127, k % 4 < 2 ? 127 : -127, 0][column];

function extremeProduct(k: number) {
  const b = new GraphBuilder();
  const q = b.input('q', 'uint8', ['rows', k]);
  const scale = b.input('scale', 'float32', ['rows', 1]);
  const w = Int8Array.from({ length: k * columns }, (_, i) =>
    extremeWeight(Math.floor(i / columns), i % columns),
  );
  const ones = b.constant(float32([columns], new Float32Array(columns).fill(1)));
  b.output('product', b.quantizedMatmul(q, scale, b.constant(tensor('int8', [k, columns], w)), ones));
  return b.build();
}

/** Rows of only +127, only -127, both in turn, and the lowest code. */
function extremeRows(rows: number, k: number): Record<string, Tensor> {
  const q = Uint8Array.from(
    { length: rows * k },
    (_, i) => [255, 1, i % 2 === 0 ? 255 : 1, 0][Math.floor(i / k) % 4],
  );
  return { q: tensor('uint8', [rows, k], q), scale: float32([rows, 1], new Float32Array(rows).fill(1)) };
}

describe.each(runtimes)('on $name', ({ options }) => {
  it.each([1, 2, 63, 64, 576, 1536])('extreme products over k = %i are exact', async (k) => {
    const graph = extremeProduct(k);
    const program = await Program.load(graph, options);
    for (const rows of [1, 2, 3, 16, 100]) {
      const inputs = extremeRows(rows, k);
      const { product } = await program.run(inputs);
      expect(product.data, `${rows} rows`).toEqual(evaluate(graph, inputs).product.data);
      expect(product.data[0]).toBe(Math.fround(127 * 127 * k));
    }
    await program[Symbol.asyncDispose]();
  });

  it('quantizes and multiplies rows of zeros, subnormals and the largest numbers', async () => {
    const b = new GraphBuilder();
    const [q, scale] = b.quantizeRows(b.input('x', 'float32', [3, 3]));
    const w = b.constant(tensor('int8', [3, 2], Int8Array.of(1, 127, -127, 3, 4, 5)));
    b.output('product', b.quantizedMatmul(q, scale, w, b.constant(float32([2], [1, 0.5]))));
    const program = await Program.load(b.build(), options);
    const { product } = await program.run({ x: float32([3, 3], [0, 0, 0, 1e-40, 0, 0, 1e36, -1e36, 1]) });
    expect(Array.from(product.data, Number).map((x) => Math.abs(x))).toEqual([
      0,
      0,
      expect.closeTo(1e-40, 41),
      expect.closeTo(6.35e-39, 40),
      Math.fround(1.28e38),
      expect.any(Number),
    ]);
    await program[Symbol.asyncDispose]();
  });
});

describe('quantizeRows', () => {
  it('rounds halves to even, reaches both ends of the grid and never the code 0', () => {
    const b = new GraphBuilder();
    const [q, scale] = b.quantizeRows(b.input('x', 'float32', ['rows', 4]));
    b.output('q', q);
    b.output('scale', scale);
    const x = float32([2, 4], [127, 0.5, 1.5, -2.5, -127, 126.5, 0, -0.4]);
    const out = evaluate(b.build(), { x });
    expect([...out.q.data]).toEqual([255, 128, 130, 126, 1, 254, 128, 128]);
    expect([...out.scale.data]).toEqual([1, 1]);
  });
});
