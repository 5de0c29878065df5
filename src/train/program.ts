/**
 * A training program: a forward program with weights as inputs, its loss, and the gradients of the weights that are
 * trained, compiled once. Weights are read in place at each run; the gradients are the only large copies.
 */

import { QuickstepError } from '../errors.ts';
import { differentiate } from '../graph/differentiate.ts';
import {
  type Graph,
  GraphBuilder,
  Program,
  type ProgramOptions,
  type Tensor,
  type Value,
} from '../graph/index.ts';
import type { Parameter, Parameters } from './parameters.ts';

/** What an objective adds to a program. */
export interface Terms {
  /** Scalar to minimize. */
  loss: Value;
  /** Scalars to report. */
  metrics?: Readonly<Record<string, Value>>;
}

/** Declares its batch as inputs of the builder, reads weights by name, and returns the loss. */
export type Objective = (b: GraphBuilder, weight: (name: string) => Value) => Terms;

export type Batch = Readonly<Record<string, Tensor>>;

/** Result of one forward and backward pass. */
export interface Gradients {
  loss: number;
  metrics: Record<string, number>;
  /** By parameter name, in the order of the trained names. */
  gradients: Map<string, Float32Array>;
}

/** Weights as inputs of a program, each declared when it is first asked for. */
export function weightInputs(
  b: GraphBuilder,
  shapes: ReadonlyMap<string, readonly number[]>,
): { weights: ReadonlyMap<string, Value>; weight: (name: string) => Value } {
  const weights = new Map<string, Value>();
  const weight = (name: string): Value => {
    const known = weights.get(name);
    if (known) return known;
    const shape = shapes.get(name);
    if (!shape)
      throw new QuickstepError(
        'bad-option',
        `The model has no weight ${name}.`,
        `It has: ${[...shapes.keys()].join(', ')}.`,
      );
    const value = b.input(name, 'float32', shape);
    weights.set(name, value);
    return value;
  };
  return { weights, weight };
}

export class TrainingProgram implements AsyncDisposable {
  /** Names of the trained parameters, in order. */
  readonly trained: readonly string[];
  /** The whole program, for finding where numbers stop being finite. */
  readonly graph: Graph;
  readonly #program: Program;
  readonly #weights: readonly string[];
  readonly #metrics: readonly string[];

  private constructor(
    program: Program,
    graph: Graph,
    trained: readonly string[],
    weights: readonly string[],
    metrics: readonly string[],
  ) {
    this.#program = program;
    this.graph = graph;
    this.trained = trained;
    this.#weights = weights;
    this.#metrics = metrics;
  }

  /**
   * Builds and compiles the program of an objective.
   * @param trained Which of the weights are trained; the rest cost no backward pass.
   * @throws QuickstepError 'bad-option' when nothing is trained; what `differentiate` and `Program.load` throw.
   */
  static async load(
    shapes: ReadonlyMap<string, readonly number[]>,
    objective: Objective,
    trained: (name: string) => boolean = () => true,
    options: ProgramOptions = {},
  ): Promise<TrainingProgram> {
    const b = new GraphBuilder();
    const { weights, weight } = weightInputs(b, shapes);
    const { loss, metrics = {} } = objective(b, weight);
    b.output('loss', loss);
    for (const [name, value] of Object.entries(metrics)) b.output(`metric.${name}`, value);
    const names = [...shapes.keys()].filter((name) => weights.has(name) && trained(name));
    if (names.length === 0)
      throw new QuickstepError(
        'bad-option',
        'No weight is trained.',
        'Let `trained` pick one that the objective reads.',
      );
    const gradients = differentiate(
      b,
      loss,
      names.map((name) => weights.get(name)!),
    );
    for (const [i, name] of names.entries()) b.output(`gradient.${name}`, gradients[i]);
    const graph = b.build();
    const program = await Program.load(graph, options);
    return new TrainingProgram(program, graph, names, [...weights.keys()], Object.keys(metrics));
  }

  /** Loss, metrics and gradients of one batch. */
  async run(parameters: Parameters, batch: Batch): Promise<Gradients> {
    const outputs = await this.#program.run(this.feeds(parameters, batch));
    const scalar = (name: string) => Number(outputs[name].data[0]);
    return {
      loss: scalar('loss'),
      metrics: Object.fromEntries(this.#metrics.map((name) => [name, scalar(`metric.${name}`)])),
      gradients: new Map(
        this.trained.map((name) => [name, outputs[`gradient.${name}`].data as Float32Array]),
      ),
    };
  }

  /** The program's inputs: the batch and the weights it reads. */
  feeds(parameters: Parameters, batch: Batch): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = { ...batch };
    for (const name of this.#weights) feeds[name] = parameters.get(name) as Parameter;
    return feeds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
