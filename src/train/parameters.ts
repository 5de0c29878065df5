/** Named float32 tensors: a model's weights, their gradients, an optimizer's moments. */

import { normal } from '../decode/random.ts';
import { float32, sizeOf, type Tensor } from '../graph/types.ts';
import { fnv1a } from '../tasks/split.ts';
import { trainingStreams } from './streams.ts';

export type Parameter = Extract<Tensor, { dtype: 'float32' }>;
/** By name, in a fixed order: sums over parameters are the same in every run. */
export type Parameters = ReadonlyMap<string, Parameter>;

/** What a weight starts from, by its name and shape: normal numbers of a standard deviation, or a constant. */
export type Initializer = (
  name: string,
  shape: readonly number[],
) => { deviation: number } | { constant: number };

/**
 * Normal numbers for matrices and ones for norm weights. Matrices that write to the residual stream (o_proj,
 * down_proj) are scaled down by 1/√(2 layers), as in GPT-2 (Radford et al. 2019, section 2.3).
 */
export function residualInitializer(layers: number, deviation = 0.02): Initializer {
  return (name, shape) => {
    if (shape.length === 1) return { constant: name.endsWith('.bias') ? 0 : 1 };
    return { deviation: /(o_proj|down_proj)/.test(name) ? deviation / Math.sqrt(2 * layers) : deviation };
  };
}

/** Fresh parameters; the same seed gives the same numbers whatever the order of names. */
export function initialize(
  shapes: ReadonlyMap<string, readonly number[]>,
  initializer: Initializer,
  seed: number,
): Map<string, Parameter> {
  const parameters = new Map<string, Parameter>();
  for (const [name, shape] of shapes) {
    const data = new Float32Array(sizeOf(shape));
    const start = initializer(name, shape);
    if ('constant' in start) data.fill(start.constant);
    else {
      const step = fnv1a(name);
      for (let position = 0; position < data.length; position++)
        data[position] =
          start.deviation * normal({ seed, stream: trainingStreams.initialization, step, position });
    }
    parameters.set(name, float32(shape, data));
  }
  return parameters;
}

/** Tensors of zeros with the same names and shapes. */
export function zerosLike(
  parameters: Parameters,
  names: Iterable<string> = parameters.keys(),
): Map<string, Parameter> {
  return new Map(
    [...names].map((name) => {
      const { shape, data } = parameters.get(name)!;
      return [name, float32(shape, new Float32Array(data.length))];
    }),
  );
}
