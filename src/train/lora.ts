/**
 * Low-rank adapters (Hu et al. 2021, arXiv:2106.09685): a frozen product x Wᵀ becomes x Wᵀ + (α/r) (x Aᵀ) Bᵀ with
 * A [r, in] and B [out, r]. B starts at zero, so training starts from the frozen model.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { Value } from '../graph/types.ts';
import type { TrainableWeights } from '../models/llama-training.ts';
import { initialize, type Parameter, type Parameters } from './parameters.ts';
import { plainWeights } from './sequence-model.ts';

export interface LoraOptions {
  /** Inner size r of the adapters. */
  rank: number;
  /** Their strength is alpha / rank. Default: the rank. */
  alpha?: number;
  /** Which matrices are adapted, by Hugging Face name. */
  targets: (name: string) => boolean;
}

/** Whether a parameter belongs to an adapter; what `TrainingPlan.trained` wants. */
export const isLora = (name: string) => name.includes('.lora_');
const nameOfA = (name: string) => name.replace(/\.weight$/, '.lora_A.weight');
const nameOfB = (name: string) => name.replace(/\.weight$/, '.lora_B.weight');
const strength = ({ rank, alpha = rank }: LoraOptions) => alpha / rank;

/** Matrices [out, in] among the targets. */
function adapted(parameters: Parameters, { targets }: LoraOptions): [string, Parameter][] {
  return [...parameters].filter(([name, { shape }]) => shape.length === 2 && !isLora(name) && targets(name));
}

/**
 * The frozen weights and fresh adapters for them; train only the adapters, with `trained: isLora`. A's numbers have
 * deviation 1/√in, so that x Aᵀ is about as large as x.
 */
export function withLora(parameters: Parameters, options: LoraOptions, seed: number): Map<string, Parameter> {
  const shapes = new Map<string, readonly number[]>();
  for (const [name, { shape }] of adapted(parameters, options)) {
    shapes.set(nameOfA(name), [options.rank, shape[1]]);
    shapes.set(nameOfB(name), [shape[0], options.rank]);
  }
  const deviationOf = (name: string, [, inner]: readonly number[]) =>
    name.includes('.lora_A') ? { deviation: 1 / Math.sqrt(inner) } : { constant: 0 };
  return new Map([...parameters, ...initialize(shapes, deviationOf, seed)]);
}

/** Products with adapters, for `sequenceObjective`'s option `weights`. */
export function loraWeights(
  options: LoraOptions,
): (b: GraphBuilder, weight: (name: string) => Value) => TrainableWeights {
  return (b, weight) => {
    const plain = plainWeights(b, weight);
    return {
      value: plain.value,
      linear: (name, x) => {
        const y = plain.linear(name, x);
        if (!options.targets(name)) return y;
        const inner = b.matmul(x, weight(nameOfA(name)), { transposeB: true });
        return b.add(
          y,
          b.matmul(inner, weight(nameOfB(name)), { transposeB: true, scale: strength(options) }),
        );
      },
    };
  };
}

/** W + (α/r) B A for adapted matrices: a checkpoint that needs no adapters. The parameters given are left as they are. */
export function mergeLora(parameters: Parameters, options: LoraOptions): Map<string, Parameter> {
  const merged = new Map([...parameters].filter(([name]) => !isLora(name)));
  const { rank } = options;
  for (const [name, weight] of adapted(parameters, options)) {
    const [out, inner] = weight.shape;
    const [a, b] = [parameters.get(nameOfA(name))!.data, parameters.get(nameOfB(name))!.data];
    const data = Float32Array.from(weight.data);
    for (let row = 0; row < out; row++) {
      for (let r = 0; r < rank; r++) {
        const factor = strength(options) * b[row * rank + r];
        for (let column = 0; column < inner; column++)
          data[row * inner + column] += factor * a[r * inner + column];
      }
    }
    merged.set(name, { ...weight, data });
  }
  return merged;
}
