/**
 * What the machine can do at best, for rooflines: how fast memory is read, and the largest matrix products per
 * second in float32 and int8, all through ONNX Runtime with the benchmark's threads.
 */

import { GraphBuilder } from '../src/graph/builder.ts';
import { float32, Program, type Tensor, tensor } from '../src/graph/index.ts';

/** Edge of the square products: three such float32 matrices stay in the second and third cache levels. */
const edge = 1024;
/** Rows and columns of the array that is read, 256 MiB: beyond every cache. */
const [rows, columns] = [1024, 65_536];
const repeats = 12;

async function fastest(program: Program, inputs: Record<string, Tensor>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < repeats; i++) {
    const started = performance.now();
    await program.run(inputs);
    best = Math.min(best, performance.now() - started);
  }
  return best / 1000;
}

/** Bytes per second of reading an array much larger than the caches. */
async function readBandwidth(threads: number): Promise<number> {
  const b = new GraphBuilder();
  b.output('max', b.reduceMax(b.input('x', 'float32', [rows, columns]), [1]));
  await using program = await Program.load(b.build(), { threads });
  const data = new Float32Array(rows * columns).fill(1);
  return data.byteLength / (await fastest(program, { x: float32([rows, columns], data) }));
}

/** Multiplications and additions per second of a float32 product. */
async function floatProducts(threads: number): Promise<number> {
  const b = new GraphBuilder();
  const weight = b.constant(float32([edge, edge], new Float32Array(edge * edge).fill(0.5)));
  // Only one number leaves the graph: copying the product out is not part of it.
  b.output('max', b.reduceMax(b.matmul(b.input('x', 'float32', [edge, edge]), weight), [0, 1]));
  await using program = await Program.load(b.build(), { threads });
  const x = float32([edge, edge], new Float32Array(edge * edge).fill(0.5));
  return (2 * edge ** 3) / (await fastest(program, { x }));
}

/** The same for uint8 rows times int8 columns. */
async function integerProducts(threads: number): Promise<number> {
  const b = new GraphBuilder();
  const weight = b.constant(tensor('int8', [edge, edge], new Int8Array(edge * edge).fill(3)));
  const scale = b.constant(float32([edge], new Float32Array(edge).fill(1)));
  const product = b.quantizedMatmul(
    b.input('x', 'uint8', [edge, edge]),
    b.input('rowScale', 'float32', [edge, 1]),
    weight,
    scale,
  );
  b.output('max', b.reduceMax(product, [0, 1]));
  await using program = await Program.load(b.build(), { threads });
  const inputs = {
    x: tensor('uint8', [edge, edge], new Uint8Array(edge * edge).fill(130)),
    rowScale: float32([edge, 1], new Float32Array(edge).fill(1)),
  };
  return (2 * edge ** 3) / (await fastest(program, inputs));
}

/** { bandwidth: bytes/s, fp32: operations/s, int8: operations/s }, the best of a few tries each. */
export async function measureMachine(threads: number): Promise<Record<string, number>> {
  return {
    bandwidth: await readBandwidth(threads),
    fp32: await floatProducts(threads),
    int8: await integerProducts(threads),
  };
}
