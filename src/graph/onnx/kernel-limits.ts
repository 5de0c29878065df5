/**
 * Sizes that ONNX Runtime 1.30's kernels get wrong when they are 0, found by the operator tests. A run that binds
 * one to 0 is refused instead:
 * - TopK divides by its number of rows, which ends the process;
 * - FusedMatMul with a transposed operand and a batch leaves its output unwritten when the inner size is 0. The
 *   runtime also fuses a transpose in front of a plain product into one.
 */

import { QuickstepError } from '../../errors.ts';
import { type Bindings, bindDim } from '../bindings.ts';
import { describeNode } from '../print.ts';
import type { AnyNode, Dim, Graph, Value } from '../types.ts';

/** A size that must not be bound to 0, and the node that cannot take it. */
export interface NonZeroSize {
  readonly dim: Dim;
  readonly node: AnyNode;
}

/** All such sizes of a program; constant ones that are not 0 are left out. */
export function nonZeroSizes(graph: Graph): NonZeroSize[] {
  const transposed = new Set<Value>();
  const found: NonZeroSize[] = [];
  for (const node of graph.nodes) {
    if (node.op === 'transpose') transposed.add(node.outputs[0]);
    found.push(...sizesOf(node, transposed).map((dim) => ({ dim, node })));
  }
  return found.filter(({ dim }) => typeof dim === 'string' || dim === 0);
}

function sizesOf(node: AnyNode, transposed: ReadonlySet<Value>): readonly Dim[] {
  if (node.op === 'topK') return node.inputs[0].shape.slice(0, -1);
  if (node.op !== 'matmul') return [];
  const { transposeA, transposeB } = node.attributes;
  const isFused = transposeA || transposeB || node.inputs.some((input) => transposed.has(input));
  return isFused ? [node.inputs[0].shape.at(transposeA ? -2 : -1)!] : [];
}

/** @throws QuickstepError 'bad-shape' that names the node and the size that is 0 in this run. */
export function checkNonZero(sizes: readonly NonZeroSize[], bindings: Bindings): void {
  for (const { dim, node } of sizes) {
    if (bindDim(dim, bindings) !== 0) continue;
    const hint = 'ONNX Runtime computes it wrongly; run a program without this node, or on a row or more.';
    throw new QuickstepError('bad-shape', `The size ${dim} is 0 in ${describeNode(node)}.`, hint);
  }
}
