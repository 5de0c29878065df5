/**
 * Runs one operator both ways, through `Program` on ONNX Runtime and through the reference evaluation, and compares
 * every output at every binding of the symbolic sizes. Test support; not part of the package.
 */

import { bindDim } from '../bindings.ts';
import { GraphBuilder } from '../builder.ts';
import { evaluate } from '../reference/evaluate.ts';
import { fromNumbers } from '../reference/indexing.ts';
import { Program, type ProgramOptions } from '../session.ts';
import { type DType, type Shape, sizeOf, type Tensor, type Value } from '../types.ts';

/** Seeded uniform numbers in [0, 1). */
export type Random = () => number;

/** A small generator (mulberry32), so that a failing case is its seed. */
export function seeded(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface InputSpec {
  dtype: DType;
  shape: Shape;
  /** One random element; by default what suits the element type. */
  element?: (random: Random) => number;
}

export interface OperatorCase {
  inputs: readonly InputSpec[];
  /** Adds the operator and returns its outputs. */
  apply(b: GraphBuilder, inputs: readonly Value[]): readonly Value[];
  /** Largest allowed |difference| besides 1e-5 (float32) or 1e-11 (float64) of the value; integers are exact. */
  absolute?: number;
  seed: number;
}

/** Bindings every case runs with; the program is loaded once. */
export const sizes: readonly Readonly<Record<string, number>>[] = [
  { rows: 3, slots: 4 },
  { rows: 1, slots: 0 },
  { rows: 7, slots: 9 },
];

const defaultElements: Record<DType, (random: Random) => number> = {
  float32: (random) => random() * 8 - 4,
  float64: (random) => random() * 8 - 4,
  int8: (random) => Math.floor(random() * 11) - 5,
  uint8: (random) => Math.floor(random() * 11),
  int32: (random) => Math.floor(random() * 11) - 5,
  int64: (random) => Math.floor(random() * 11) - 5,
  bool: (random) => Math.floor(random() * 2),
};

export function randomTensor(
  dtype: DType,
  shape: readonly number[],
  random: Random,
  element = defaultElements[dtype],
): Tensor {
  return fromNumbers(
    dtype,
    shape,
    Array.from({ length: sizeOf(shape) }, () => element(random)),
  );
}

/** Loads the case's program and throws at the first element that differs from the reference. */
export async function compareWithReference(test: OperatorCase, options: ProgramOptions): Promise<void> {
  const b = new GraphBuilder();
  const inputs = test.inputs.map((spec, i) => b.input(`input${i}`, spec.dtype, spec.shape));
  for (const [i, value] of test.apply(b, inputs).entries()) b.output(`output${i}`, value);
  const graph = b.build();
  const program = await Program.load(graph, options);
  try {
    for (const binding of sizes) {
      const random = seeded(test.seed);
      const bound = new Map(Object.entries(binding));
      const feeds: Record<string, Tensor> = {};
      test.inputs.forEach((spec, i) => {
        const shape = spec.shape.map((dim) => bindDim(dim, bound));
        feeds[`input${i}`] = randomTensor(spec.dtype, shape, random, spec.element);
      });
      const expected = evaluate(graph, feeds);
      const actual = await program.run(feeds);
      for (const name of graph.outputs.keys()) checkClose(name, actual[name], expected[name], test.absolute);
    }
  } finally {
    await program[Symbol.asyncDispose]();
  }
}

function checkClose(name: string, actual: Tensor, expected: Tensor, absolute?: number): void {
  const [got, wanted] = [actual, expected].map(({ dtype, shape }) => `${dtype}[${shape}]`);
  if (got !== wanted) throw new Error(`${name} is ${got}, not ${wanted}`);
  const relative = { float32: 1e-5, float64: 1e-11 }[expected.dtype as string] ?? 0;
  const floor = relative === 0 ? 0 : (absolute ?? relative / 10);
  for (let i = 0; i < expected.data.length; i++) {
    const [x, y] = [Number(actual.data[i]), Number(expected.data[i])];
    if (Object.is(x, y) || x === y || Math.abs(x - y) <= floor + relative * Math.abs(y)) continue;
    throw new Error(`${name}[${i}] of ${wanted} is ${x}, not ${y}`);
  }
}
