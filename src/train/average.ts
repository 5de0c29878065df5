/** Exponential moving average of parameters. */

import { type Parameter, type Parameters, zerosLike } from './parameters.ts';

export class MovingAverage {
  /** The averaged parameters; equal to the parameters at the start. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly #decay: number;

  constructor(parameters: Parameters, names: readonly string[], decay: number) {
    this.parameters = zerosLike(parameters, names);
    this.#decay = decay;
    for (const [name, { data }] of this.parameters) data.set(parameters.get(name)!.data);
  }

  /** average ← d · average + (1 - d) · parameter, with d = min(decay, (1 + step) / (10 + step)) so that it warms up. */
  update(parameters: Parameters, step: number): void {
    const keep = Math.min(this.#decay, (1 + step) / (10 + step));
    for (const [name, { data }] of this.parameters) {
      const current = parameters.get(name)!.data;
      for (let i = 0; i < data.length; i++) data[i] = keep * data[i] + (1 - keep) * current[i];
    }
  }
}
