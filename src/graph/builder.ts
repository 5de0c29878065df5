/**
 * Builds a tensor program: each method adds one node and returns its value. Shapes are checked while building,
 * so a mistake fails at the line that made it. Methods carry the formulas; kernels belong to the runtime.
 */

import type { OpAttributes, OpKind, ShapeRule } from './ops.ts';
import { shapeRules } from './shapes.ts';
import {
  type AnyNode,
  type Dim,
  type DType,
  float32,
  type Graph,
  type Shape,
  type Tensor,
  type Value,
} from './types.ts';

/** A stretch [start, end) of a builder's nodes. */
export interface Segment {
  readonly start: number;
  readonly end: number;
}

export class GraphBuilder {
  readonly #nodes: AnyNode[] = [];
  readonly #inputs = new Map<string, Value>();
  readonly #outputs = new Map<string, Value>();
  readonly #constants = new Map<Value, Tensor>();
  readonly #scalars = new Map<number, Value>();
  readonly #segments: Segment[] = [];
  #nextId = 0;

  #value(dtype: DType, shape: Shape): Value {
    return { id: this.#nextId++, dtype, shape };
  }

  /** Adds a node; the other methods are its named forms. */
  apply<K extends OpKind>(op: K, inputs: readonly Value[], attributes: OpAttributes[K]): Value[] {
    const types = (shapeRules[op] as ShapeRule<K>)(inputs, attributes);
    const outputs = types.map((type) => this.#value(type.dtype, type.shape));
    this.#nodes.push({ op, attributes, inputs, outputs } as unknown as AnyNode);
    return outputs;
  }

  #one<K extends OpKind>(op: K, inputs: readonly Value[], attributes: OpAttributes[K]): Value {
    return this.apply(op, inputs, attributes)[0];
  }

  /** A named input; string sizes are symbols bound when the program runs. */
  input(name: string, dtype: DType, shape: Shape): Value {
    if (this.#inputs.has(name)) throw new Error(`input ${name} exists already`);
    const value = this.#value(dtype, shape);
    this.#inputs.set(name, value);
    return value;
  }

  /** Names a value as output. Any intermediate can be one. */
  output(name: string, value: Value): void {
    if (this.#outputs.has(name)) throw new Error(`output ${name} exists already`);
    this.#outputs.set(name, value);
  }

  constant(tensor: Tensor): Value {
    const value = this.#value(tensor.dtype, tensor.shape);
    this.#constants.set(value, tensor);
    return value;
  }

  /** A float32 scalar; equal numbers share one constant. */
  scalar(x: number): Value {
    let value = this.#scalars.get(x);
    if (value === undefined) {
      value = this.constant(float32([], [x]));
      this.#scalars.set(x, value);
    }
    return value;
  }

  #operand(x: Value | number): Value {
    return typeof x === 'number' ? this.scalar(x) : x;
  }

  neg = (x: Value) => this.#one('neg', [x], {});
  abs = (x: Value) => this.#one('abs', [x], {});
  exp = (x: Value) => this.#one('exp', [x], {});
  log = (x: Value) => this.#one('log', [x], {});
  sqrt = (x: Value) => this.#one('sqrt', [x], {});
  reciprocal = (x: Value) => this.#one('reciprocal', [x], {});
  sigmoid = (x: Value) => this.#one('sigmoid', [x], {});
  /** x · sigmoid(x) */
  silu = (x: Value) => this.#one('silu', [x], {});
  tanh = (x: Value) => this.#one('tanh', [x], {});
  round = (x: Value) => this.#one('round', [x], {});
  cast = (x: Value, to: DType) => this.#one('cast', [x], { to });

  add = (a: Value, b: Value | number) => this.#one('add', [a, this.#operand(b)], {});
  sub = (a: Value, b: Value | number) => this.#one('sub', [a, this.#operand(b)], {});
  mul = (a: Value, b: Value | number) => this.#one('mul', [a, this.#operand(b)], {});
  div = (a: Value | number, b: Value | number) => this.#one('div', [this.#operand(a), this.#operand(b)], {});
  maximum = (a: Value, b: Value | number) => this.#one('maximum', [a, this.#operand(b)], {});
  less = (a: Value, b: Value) => this.#one('less', [a, b], {});
  equal = (a: Value, b: Value) => this.#one('equal', [a, b], {});
  where = (condition: Value, a: Value, b: Value) => this.#one('where', [condition, a, b], {});

  reduceSum = (x: Value, axes: readonly number[], keepDims = true) =>
    this.#one('reduceSum', [x], { axes, keepDims });
  reduceMax = (x: Value, axes: readonly number[], keepDims = true) =>
    this.#one('reduceMax', [x], { axes, keepDims });
  reduceMean = (x: Value, axes: readonly number[], keepDims = true) =>
    this.#one('reduceMean', [x], { axes, keepDims });
  argMax = (x: Value, axis: number, keepDims = false) => this.#one('argMax', [x], { axis, keepDims });
  /** The k largest of the last axis: [values, int64 indices]. */
  topK = (x: Value, k: number) => this.apply('topK', [x], { k }) as [Value, Value];
  softmax = (x: Value) => this.#one('softmax', [x], {});
  logSoftmax = (x: Value) => this.#one('logSoftmax', [x], {});

  reshape = (x: Value, shape: Shape) => this.#one('reshape', [x], { shape });
  transpose = (x: Value, permutation: readonly number[]) => this.#one('transpose', [x], { permutation });
  concat = (inputs: readonly Value[], axis: number) => this.#one('concat', inputs, { axis });
  split = (x: Value, axis: number, sizes: readonly Dim[]) => this.apply('split', [x], { axis, sizes });
  slice = (x: Value, axis: number, start: number, end = Infinity) =>
    this.#one('slice', [x], { axis, start, end });
  gather = (data: Value, indices: Value, axis = 0) => this.#one('gather', [data, indices], { axis });
  gatherElements = (data: Value, indices: Value) => this.#one('gatherElements', [data, indices], {});
  expand = (x: Value, shape: Shape) => this.#one('expand', [x], { shape });
  scatterRows = (indices: Value, updates: Value, size: Dim) =>
    this.#one('scatterRows', [indices, updates], { size });
  scatterElements = (indices: Value, updates: Value, size: Dim) =>
    this.#one('scatterElements', [indices, updates], { size });
  stopGradient = (x: Value) => this.#one('stopGradient', [x], {});

  matmul = (a: Value, b: Value, options: Partial<OpAttributes['matmul']> = {}) =>
    this.#one('matmul', [a, b], { transposeA: false, transposeB: false, scale: 1, ...options });
  /** x [.., rows, k] as [uint8 with zero point 128, row scales [.., rows, 1]]. */
  quantizeRows = (x: Value) => this.apply('quantizeRows', [x], {}) as [Value, Value];
  quantizedMatmul = (q: Value, rowScale: Value, w: Value, columnScale: Value) =>
    this.#one('quantizedMatmul', [q, rowScale, w, columnScale], {});
  blockMatmul = (x: Value, packed: Value, scales: Value, attributes: OpAttributes['blockMatmul']) =>
    this.#one('blockMatmul', [x, packed, scales], attributes);
  rmsNorm = (x: Value, weight: Value, epsilon: number) => this.#one('rmsNorm', [x, weight], { epsilon });
  rotary = (x: Value, positions: Value, cos: Value, sin: Value) =>
    this.#one('rotary', [x, positions, cos, sin], {});

  /** All nodes so far, in building order. */
  get nodes(): readonly AnyNode[] {
    return this.#nodes;
  }

  /** Stretches that `checkpoint` marked, in order and without overlap. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /**
   * Marks the nodes that `body` adds for gradient checkpointing (Chen et al. 2016, arXiv:1604.06174): the backward
   * program computes them again from what enters the segment, so that their results need not be kept until then.
   * Segments do not nest.
   */
  checkpoint<T>(body: () => T): T {
    const start = this.#nodes.length;
    const result = body();
    if (start < (this.#segments.at(-1)?.end ?? 0)) throw new Error('checkpointed segments do not nest');
    this.#segments.push({ start, end: this.#nodes.length });
    return result;
  }

  /** The finished program: only nodes that an output needs, in building order. */
  build(): Graph {
    const needed = new Set<Value>(this.#outputs.values());
    const nodes: AnyNode[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((value) => needed.has(value))) continue;
      nodes.push(node);
      for (const input of node.inputs) needed.add(input);
    }
    return {
      nodes: nodes.reverse(),
      inputs: new Map([...this.#inputs].filter(([, value]) => needed.has(value))),
      outputs: new Map(this.#outputs),
      constants: new Map([...this.#constants].filter(([value]) => needed.has(value))),
    };
  }
}
