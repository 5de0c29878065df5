/**
 * Binding of symbolic sizes: a program declares "rows" or "rows+slots", a run brings numbers.
 * Every input is checked against its declaration, and one symbol must mean one number in all of them.
 */

import { QuickstepError } from '../errors.ts';
import { type Dim, type DType, type Shape, sizeOf, type Tensor, type Value } from './types.ts';

/** The number that each symbol stands for in one run. */
export type Bindings = ReadonlyMap<string, number>;

/** "float32[rows, 64]", as error messages and `printGraph` write a type. */
export function describeType({ dtype, shape }: { dtype: DType; shape: Shape }): string {
  return `${dtype}[${shape.join(', ')}]`;
}

interface OpenSize {
  /** Sum of the numbers and of the bound symbols. */
  known: number;
  /** Factors of the symbols that are not bound yet. */
  unknown: Map<string, number>;
}

function openSize(dim: Dim, bindings: Bindings): OpenSize {
  const size: OpenSize = { known: 0, unknown: new Map() };
  const plain = typeof dim === 'number' ? dim : bindings.get(dim);
  if (plain !== undefined) return { ...size, known: plain };
  for (const term of String(dim).split('+')) {
    let factor = 1;
    const unbound: string[] = [];
    for (const part of term.split('*')) {
      const number = /^\d+$/.test(part) ? Number(part) : bindings.get(part);
      if (number === undefined) unbound.push(part);
      else factor *= number;
    }
    const symbol = unbound.join('*');
    if (symbol === '') size.known += factor;
    else size.unknown.set(symbol, (size.unknown.get(symbol) ?? 0) + factor);
  }
  return size;
}

/** The number a size stands for; throws when one of its symbols is unbound. */
export function bindDim(dim: Dim, bindings: Bindings): number {
  const { known, unknown } = openSize(dim, bindings);
  if (unknown.size > 0)
    throw new Error(`size ${dim}: ${[...unknown.keys()].join(', ')} is not bound by any input`);
  return known;
}

/**
 * Checks the inputs of a run against the program's and binds its symbols.
 * @throws QuickstepError 'bad-shape' for a missing, unknown or wrongly shaped input, naming it and both types.
 */
export function bindInputs(
  declared: ReadonlyMap<string, Value>,
  inputs: Readonly<Record<string, Tensor>>,
): Bindings {
  checkNames(declared, inputs);
  const bindings = new Map<string, number>();
  for (const [name, value] of declared) checkType(name, value, inputs[name]);
  // Plain symbols first, so that a sum such as "rows+slots" has as few unknowns as possible.
  for (const pass of ['symbols', 'sums'] as const) {
    for (const [name, value] of declared) {
      value.shape.forEach((dim, axis) => {
        const isSum = typeof dim === 'string' && dim.includes('+');
        if (isSum !== (pass === 'sums')) return;
        if (!bindSize(dim, inputs[name].shape[axis], bindings)) mismatch(name, value, inputs[name], bindings);
      });
    }
  }
  return bindings;
}

function checkNames(declared: ReadonlyMap<string, Value>, inputs: Readonly<Record<string, Tensor>>): void {
  // A training program has hundreds, most of them weights.
  const most = 12;
  const all = () => {
    const named = [...declared].slice(0, most).map(([name, value]) => `${name} ${describeType(value)}`);
    const rest = declared.size > most ? ` and ${declared.size - most} more` : '';
    return `${named.join(', ') || 'none'}${rest}`;
  };
  for (const [name, value] of declared) {
    if (inputs[name] !== undefined) continue;
    const what = `Input ${name} ${describeType(value)} is missing.`;
    throw new QuickstepError('bad-shape', what, `The inputs are: ${all()}.`);
  }
  for (const name of Object.keys(inputs)) {
    if (declared.has(name)) continue;
    const what = `The program has no input ${name} ${describeType(inputs[name])}.`;
    throw new QuickstepError('bad-shape', what, `The inputs are: ${all()}.`);
  }
}

function checkType(name: string, value: Value, input: Tensor): void {
  if (input.dtype !== value.dtype || input.shape.length !== value.shape.length) mismatch(name, value, input);
  if (input.data.length === sizeOf(input.shape)) return;
  const what = `Input ${name} ${describeType(input)} holds ${input.data.length} elements.`;
  throw new QuickstepError('bad-shape', what, `Its shape needs ${sizeOf(input.shape)}.`);
}

/** Compares a size with its declaration, binding the declaration's symbol when it is the only unknown one. */
function bindSize(dim: Dim, size: number, bindings: Map<string, number>): boolean {
  if (typeof dim === 'number') return dim === size;
  const { known, unknown } = openSize(dim, bindings);
  if (unknown.size === 0) return known === size;
  if (unknown.size > 1) return known <= size;
  const [[symbol, factor]] = unknown;
  const bound = (size - known) / factor;
  if (!Number.isInteger(bound) || bound < 0) return false;
  bindings.set(symbol, bound);
  return true;
}

function mismatch(name: string, value: Value, input: Tensor, bindings: Bindings = new Map()): never {
  const symbols = value.shape.flatMap((dim) => String(dim).split(/[+*]/));
  const bound = [...bindings]
    .filter(([symbol]) => symbols.includes(symbol))
    .map(([symbol, n]) => `${symbol} = ${n}`);
  const because = bound.length > 0 ? ` with ${bound.join(', ')}` : '';
  const what = `Input ${name} is ${describeType(input)}; the program takes ${describeType(value)}${because}.`;
  throw new QuickstepError(
    'bad-shape',
    what,
    'Pass the declared shape; one symbol means one size in all inputs.',
  );
}
