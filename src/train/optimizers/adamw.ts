/**
 * AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2). Moments are updated in place in plain typed
 * arrays: as graph outputs, parameters and both moments would be copied at every step.
 */

import { type Parameter, type Parameters, zerosLike } from '../parameters.ts';
import type { Optimizer, Update } from './optimizer.ts';

export interface AdamWOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  /** Applied to matrices only; norms and biases are not decayed. */
  weightDecay?: number;
  /** Learning rate of a parameter, in that of the schedule. Default: 1 for all. */
  rateOf?: (name: string) => number;
}

export class AdamW implements Optimizer {
  readonly state: ReadonlyMap<string, Parameter>;
  readonly #names: readonly string[];
  readonly #options: Required<AdamWOptions>;

  constructor(parameters: Parameters, names: readonly string[], options: AdamWOptions = {}) {
    this.#names = names;
    this.#options = {
      beta1: 0.9,
      beta2: 0.98,
      epsilon: 1e-8,
      weightDecay: 0.01,
      rateOf: () => 1,
      ...options,
    };
    const moments = (order: string) =>
      [...zerosLike(parameters, names)].map(([name, zeros]) => [`adamw.${order}.${name}`, zeros] as const);
    this.state = new Map([...moments('first'), ...moments('second')]);
  }

  async update({ parameters, gradients, step, learningRate, scale }: Update): Promise<void> {
    const { beta1, beta2, epsilon, weightDecay, rateOf } = this.#options;
    // The bias corrections, folded into one factor on m and one on √v.
    const correction = 1 / (1 - beta1 ** step);
    const root = 1 / Math.sqrt(1 - beta2 ** step);
    for (const name of this.#names) {
      const { shape, data } = parameters.get(name)!;
      const gradient = gradients.get(name)!;
      const first = this.state.get(`adamw.first.${name}`)!.data;
      const second = this.state.get(`adamw.second.${name}`)!.data;
      const own = learningRate * rateOf(name);
      const rate = own * correction;
      const decay = shape.length > 1 ? 1 - own * weightDecay : 1;
      for (let i = 0; i < data.length; i++) {
        const g = gradient[i] * scale;
        const m = beta1 * first[i] + (1 - beta1) * g;
        const v = beta2 * second[i] + (1 - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        data[i] = data[i] * decay - (rate * m) / (Math.sqrt(v) * root + epsilon);
      }
    }
  }
}
