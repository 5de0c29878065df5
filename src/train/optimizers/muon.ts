/**
 * Muon (Jordan et al. 2024): momentum whose matrix is replaced by the nearest orthogonal one, found by five
 * Newton-Schulz steps  X ← a X + (b A + c A²) X,  A = X Xᵀ,  (a, b, c) = (3.4445, -4.7750, 2.0315).
 * Updates are scaled by 0.2 √max(rows, columns) (Liu et al. 2025, arXiv:2502.16982, section 2.2), so that learning
 * rate and decay mean what they mean for AdamW, which takes the embeddings, the head and all vectors.
 * The Newton-Schulz steps of all matrices of one shape are batched, and those of all shapes are one program: the
 * threads of one program spin for a while after a run, and would be in the way of the next one's.
 */

import { GraphBuilder } from '../../graph/builder.ts';
import { Program, type ProgramOptions } from '../../graph/session.ts';
import { float32, sizeOf, type Value } from '../../graph/types.ts';
import { type Parameter, type Parameters, zerosLike } from '../parameters.ts';
import { AdamW, type AdamWOptions } from './adamw.ts';
import type { Optimizer, Update } from './optimizer.ts';

export interface MuonOptions extends AdamWOptions {
  momentum?: number;
  /** Which matrices Muon updates. */
  orthogonal?: (name: string, shape: readonly number[]) => boolean;
}

const coefficients = { a: 3.4445, b: -4.775, c: 2.0315 };
const newtonSchulzSteps = 5;

/** Matrices inside layers; embeddings and heads are tables of vectors, not maps of one space. */
const insideLayers = (name: string, shape: readonly number[]) =>
  shape.length === 2 && !/embed_tokens|lm_head/.test(name);

/** All matrices of one shape, which are orthogonalized together. */
interface Group {
  shape: readonly number[];
  names: readonly string[];
  /** [matrices, rows, columns] */
  stack: Parameter;
}

/** Adds the Newton-Schulz steps on a stack [matrices, rows, columns]. */
export function orthogonalize(b: GraphBuilder, stack: Value): Value {
  const [, rows, columns] = stack.shape.map(Number);
  const norm = b.sqrt(b.reduceSum(b.mul(stack, stack), [1, 2]));
  let x = b.div(stack, b.add(norm, 1e-7));
  for (let step = 0; step < newtonSchulzSteps; step++) {
    const isTall = rows > columns;
    // The smaller of the two Gram matrices; both give the same polynomial in the singular values.
    const gram = isTall ? b.matmul(x, x, { transposeA: true }) : b.matmul(x, x, { transposeB: true });
    const polynomial = b.add(b.mul(gram, coefficients.b), b.mul(b.matmul(gram, gram), coefficients.c));
    const product = isTall ? b.matmul(x, polynomial) : b.matmul(polynomial, x);
    x = b.add(b.mul(x, coefficients.a), product);
  }
  return x;
}

export class Muon implements Optimizer {
  readonly state: ReadonlyMap<string, Parameter>;
  readonly #adamw: AdamW;
  readonly #groups: readonly Group[];
  /** The stacks of all groups to orthogonal ones; undefined when no matrix is Muon's. */
  readonly #program: Program | undefined;
  readonly #options: { momentum: number; weightDecay: number };

  private constructor(
    parameters: Parameters,
    names: readonly string[],
    groups: readonly Group[],
    program: Program | undefined,
    options: MuonOptions,
  ) {
    const inGroups = groups.flatMap((group) => group.names);
    this.#adamw = new AdamW(
      parameters,
      names.filter((name) => !inGroups.includes(name)),
      options,
    );
    this.#groups = groups;
    this.#program = program;
    this.#options = { momentum: options.momentum ?? 0.95, weightDecay: options.weightDecay ?? 0.01 };
    const momenta = [...zerosLike(parameters, inGroups)].map(
      ([name, zeros]) => [`muon.${name}`, zeros] as const,
    );
    this.state = new Map([...momenta, ...this.#adamw.state]);
  }

  /** Compiles the program for the shapes among the named parameters. */
  static async create(
    parameters: Parameters,
    names: readonly string[],
    options: MuonOptions = {},
    runtime: ProgramOptions = {},
  ): Promise<Muon> {
    const { orthogonal = insideLayers } = options;
    const byShape = new Map<string, string[]>();
    for (const name of names) {
      const { shape } = parameters.get(name)!;
      if (!orthogonal(name, shape)) continue;
      const key = shape.join();
      byShape.set(key, [...(byShape.get(key) ?? []), name]);
    }
    const b = new GraphBuilder();
    const groups = [...byShape.values()].map((members, n): Group => {
      const { shape } = parameters.get(members[0])!;
      const sizes = [members.length, ...shape];
      b.output(`orthogonal.${n}`, orthogonalize(b, b.input(`stack.${n}`, 'float32', sizes)));
      return { shape, names: members, stack: float32(sizes, new Float32Array(sizeOf(sizes))) };
    });
    const program = groups.length > 0 ? await Program.load(b.build(), runtime) : undefined;
    return new Muon(parameters, names, groups, program, options);
  }

  async update(update: Update): Promise<void> {
    for (const group of this.#groups) this.#lookAhead(group, update);
    const stacks = Object.fromEntries(this.#groups.map(({ stack }, n) => [`stack.${n}`, stack]));
    const directions = await this.#program?.run(stacks);
    for (const [n, group] of this.#groups.entries())
      this.#move(group, directions![`orthogonal.${n}`].data as Float32Array, update);
    await this.#adamw.update(update);
  }

  /** Adds the gradients to the momenta, and fills the group's stack with where those will have gone (Nesterov). */
  #lookAhead({ names, shape, stack }: Group, { gradients, scale }: Update): void {
    const { momentum } = this.#options;
    const size = sizeOf(shape);
    names.forEach((name, n) => {
      const gradient = gradients.get(name)!;
      const velocity = this.state.get(`muon.${name}`)!.data;
      for (let i = 0; i < size; i++) {
        const g = gradient[i] * scale;
        const v = momentum * velocity[i] + g;
        velocity[i] = v;
        stack.data[n * size + i] = g + momentum * v;
      }
    });
  }

  /** Decays the group's matrices and moves them against their directions [matrices, rows, columns]. */
  #move({ names, shape }: Group, directions: Float32Array, { parameters, learningRate }: Update): void {
    const size = sizeOf(shape);
    const rate = learningRate * 0.2 * Math.sqrt(Math.max(...shape));
    const decay = 1 - learningRate * this.#options.weightDecay;
    names.forEach((name, n) => {
      const { data } = parameters.get(name)!;
      for (let i = 0; i < size; i++) data[i] = data[i] * decay - rate * directions[n * size + i];
    });
  }

  async dispose(): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }
}
