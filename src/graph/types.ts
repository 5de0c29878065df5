/**
 * What a tensor program is made of: typed values and the nodes that produce them.
 * Shapes may hold symbols ("rows", "slots") and sums of symbols ("rows+slots"), bound when a program runs.
 */

import type { OpAttributes, OpKind } from './ops.ts';

/** Element types; 'float64' exists for reference paths and theory constructions. */
export type DType = 'float32' | 'float64' | 'int8' | 'uint8' | 'int32' | 'int64' | 'bool';

/** A size: a number, or a sum of products of symbols and numbers: "rows", "3*rows", "lanes*rows", "rows+slots". */
export type Dim = number | string;
export type Shape = readonly Dim[];

export interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
}

/** A concrete tensor: row-major data with numeric sizes. */
export type Tensor = { [T in DType]: { dtype: T; shape: readonly number[]; data: TypedArrays[T] } }[DType];

/** The result of a node, a graph input or a constant. */
export interface Value {
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface Node<K extends OpKind = OpKind> {
  readonly op: K;
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** Any node, as a union over the operators, so that `switch (node.op)` narrows its attributes. */
export type AnyNode = { [K in OpKind]: Node<K> }[OpKind];

export interface Graph {
  readonly nodes: readonly AnyNode[];
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
  readonly constants: ReadonlyMap<Value, Tensor>;
}

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const;

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A tensor of zeros. */
export function zeros<T extends DType>(dtype: T, shape: readonly number[]): Extract<Tensor, { dtype: T }> {
  return { dtype, shape, data: new constructors[dtype](sizeOf(shape)) } as unknown as Extract<
    Tensor,
    { dtype: T }
  >;
}

/** A tensor over existing data; throws when the sizes disagree. */
export function tensor<T extends DType>(
  dtype: T,
  shape: readonly number[],
  data: TypedArrays[T],
): Extract<Tensor, { dtype: T }> {
  if (data.length !== sizeOf(shape)) throw new Error(`${data.length} elements do not fill [${shape}]`);
  return { dtype, shape, data } as unknown as Extract<Tensor, { dtype: T }>;
}

export const float32 = (shape: readonly number[], data: ArrayLike<number>) =>
  tensor('float32', shape, data instanceof Float32Array ? data : Float32Array.from(data));

/** Sum of two sizes in canonical form: symbols sorted, numbers last. */
export function addDims(a: Dim, b: Dim): Dim {
  let constant = 0;
  const symbols: string[] = [];
  for (const term of [...String(a).split('+'), ...String(b).split('+')]) {
    if (/^\d+$/.test(term)) constant += Number(term);
    else symbols.push(term);
  }
  if (symbols.length === 0) return constant;
  return [...symbols.sort(), ...(constant ? [constant] : [])].join('+');
}

/** Product of two sizes, each a number or a single symbol. */
export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (a === 1) return b;
  if (b === 1) return a;
  if (/[+*]/.test(`${a}${b}`)) throw new Error(`cannot multiply the sizes ${a} and ${b}`);
  return typeof b === 'number' ? `${b}*${a}` : `${a}*${b}`;
}
