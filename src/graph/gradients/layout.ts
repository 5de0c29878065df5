/** Gradients of layout operators: each moves elements back to where they came from. */

import { QuickstepError } from '../../errors.ts';
import type { GraphBuilder } from '../builder.ts';
import type { GradientRules } from '../ops.ts';
import type { Dim, Shape, Value } from '../types.ts';
import { zeros } from '../types.ts';
import { sumTo } from './shape.ts';

/** Zeros [.., size, ..] of the type of `like`, to stand beside it along `axis`. */
function padding(b: GraphBuilder, like: Value, axis: number, size: Dim): Value {
  const shape: Shape = like.shape.map((dim, i) => (i === axis ? size : dim));
  return b.expand(b.constant(zeros(like.dtype, [])), shape);
}

/** Where `slice` starts and how much follows its end; symbolic axes are cut at one end only (see shapes.ts). */
function cutOff(x: Value, axis: number, start: number, end: number, kept: Dim): { before: Dim; after: Dim } {
  const size = x.shape[axis];
  if (typeof size === 'number') {
    const first = Math.min(size, Math.max(0, start < 0 ? size + start : start));
    return { before: first, after: size - first - Number(kept) };
  }
  if (start === 0 && end === Infinity) return { before: 0, after: 0 };
  const hint = 'Use split with symbolic sizes, or gather.';
  throw new QuickstepError('unsupported', `A slice of the symbolic axis ${size} has no gradient rule.`, hint);
}

export const layout = {
  reshape: (b, { inputs: [x], gradients: [g] }) => [b.reshape(g!, x.shape)],
  transpose: (b, { attributes: { permutation }, gradients: [g] }) => {
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    return [b.transpose(g!, inverse)];
  },
  concat: (b, { attributes: { axis }, inputs, gradients: [g] }) =>
    inputs.length === 1
      ? [g]
      : b.split(
          g!,
          axis,
          inputs.map((input) => input.shape[axis]),
        ),
  split: (b, { attributes: { axis }, outputs, gradients }) => [
    b.concat(
      outputs.map((output, i) => gradients[i] ?? padding(b, output, axis, output.shape[axis])),
      axis,
    ),
  ],
  slice: (b, { attributes: { axis, start, end }, inputs: [x], outputs: [y], gradients: [g] }) => {
    const { before, after } = cutOff(x, axis, start, end, y.shape[axis]);
    const parts = [before, after].map((size) => (size === 0 ? undefined : padding(b, g!, axis, size)));
    const joined = [parts[0], g!, parts[1]].filter((part) => part !== undefined);
    return [joined.length === 1 ? g : b.concat(joined, axis)];
  },
  // Rows may be picked more than once: their gradients add up.
  gather: (b, { attributes: { axis }, inputs: [data, indices], gradients: [g] }) => {
    const rank = data.shape.length;
    const picked = indices.shape.length;
    // The indexed axes first: [.., indices.., ..] to [indices.., .., ..].
    const order = Array.from({ length: g!.shape.length }, (_, i) => i);
    const front = [...order.splice(axis, picked), ...order];
    const moved = axis === 0 ? g! : b.transpose(g!, front);
    const flat = flattenLead(b, moved, picked);
    const rows = b.scatterRows(flattenLead(b, indices, picked), flat, data.shape[axis]);
    const back = [...Array(axis).keys()].map((i) => i + 1);
    const inverse = [...back, 0, ...Array.from({ length: rank - axis - 1 }, (_, i) => axis + 1 + i)];
    return [axis === 0 ? rows : b.transpose(rows, inverse), undefined];
  },
  gatherElements: (b, { inputs: [data, indices], gradients: [g] }) => [
    b.scatterElements(indices, g!, data.shape.at(-1)!),
    undefined,
  ],
  expand: (b, { inputs: [x], gradients: [g] }) => [sumTo(b, g!, x.shape)],
  scatterRows: (b, { inputs: [indices], gradients: [g] }) => [undefined, b.gather(g!, indices)],
  scatterElements: (b, { inputs: [indices], gradients: [g] }) => [undefined, b.gatherElements(g!, indices)],
  stopGradient: () => [undefined],
} satisfies Partial<GradientRules>;

/** The first `count` axes of `x` as one. */
function flattenLead(b: GraphBuilder, x: Value, count: number): Value {
  if (count === 1) return x;
  return b.reshape(x, [productOf(x.shape.slice(0, count)), ...x.shape.slice(count)]);
}

/** The product of sizes, as one size; symbols keep their order ("lanes*rows"). */
export function productOf(shape: Shape): Dim {
  let number = 1;
  const symbols: string[] = [];
  for (const dim of shape) {
    if (typeof dim === 'number') number *= dim;
    else symbols.push(dim);
  }
  if (symbols.length === 0) return number;
  if (symbols.some((symbol) => symbol.includes('+'))) throw new Error(`cannot multiply the sizes [${shape}]`);
  return number === 1 ? symbols.join('*') : [number, ...symbols].join('*');
}
