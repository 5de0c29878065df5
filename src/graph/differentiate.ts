/**
 * Reverse-mode differentiation: adds to a program the nodes that compute the gradient of a scalar. The result is an
 * ordinary program, run by the same runtime, and can be differentiated again.
 */

import { QuickstepError } from '../errors.ts';
import { describeType } from './bindings.ts';
import type { GraphBuilder, Segment } from './builder.ts';
import { scalarLike } from './gradients/elementwise.ts';
import { gradientRules } from './gradients/index.ts';
import type { BackwardNode, GradientRule, OpKind } from './ops.ts';
import type { AnyNode, Value } from './types.ts';
import { zeros } from './types.ts';

/**
 * Gradients of `loss` with respect to `wrt`, in their order and shapes; zeros for a value the loss does not depend
 * on. Nodes that lead to none of `wrt` are skipped, so frozen parameters cost nothing. Segments marked with
 * `GraphBuilder.checkpoint` are computed again during the backward pass.
 * @throws QuickstepError 'bad-shape' when the loss is no floating-point scalar; 'unsupported' when a gradient would
 * have to pass an operator that has none.
 */
export function differentiate(b: GraphBuilder, loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length !== 0 || !loss.dtype.startsWith('float')) {
    const hint = 'Reduce it with reduceSum or reduceMean over all axes, keepDims false.';
    throw new QuickstepError('bad-shape', `The loss is ${describeType(loss)}, not a scalar.`, hint);
  }
  const nodes = [...b.nodes];
  const gradients = new Map<Value, Value>([[loss, scalarLike(b, 1, loss)]]);
  const active = dependents(nodes, wrt);
  const walk = (node: AnyNode, seen: AnyNode) => propagate(b, node, seen, gradients, active);
  const segments = [...b.segments];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const segment = segments.at(-1);
    if (segment === undefined || i >= segment.end) walk(nodes[i], nodes[i]);
    else {
      segments.pop();
      const replayed = replay(b, nodes, segment, gradients);
      for (i = segment.end - 1; i >= segment.start; i--) walk(nodes[i], replayed(nodes[i]));
      i = segment.start;
    }
  }
  return wrt.map(
    (value) => gradients.get(value) ?? b.expand(b.constant(zeros(value.dtype, [])), value.shape),
  );
}

/** All values that depend on one of `wrt`. */
function dependents(nodes: readonly AnyNode[], wrt: readonly Value[]): ReadonlySet<Value> {
  const active = new Set(wrt);
  for (const { inputs, outputs } of nodes) {
    if (inputs.some((input) => active.has(input))) for (const output of outputs) active.add(output);
  }
  return active;
}

/** Adds one node's contribution to the gradients of its inputs; `seen` holds the values the rule may read. */
function propagate(
  b: GraphBuilder,
  node: AnyNode,
  seen: AnyNode,
  gradients: Map<Value, Value>,
  active: ReadonlySet<Value>,
): void {
  if (!node.inputs.some((input) => active.has(input))) return;
  const ofOutputs = node.outputs.map((output) => gradients.get(output));
  if (ofOutputs.every((gradient) => gradient === undefined)) return;
  const rule = gradientRules[node.op] as GradientRule<OpKind>;
  const ofInputs = rule(b, { ...seen, gradients: ofOutputs } as BackwardNode<OpKind>);
  node.inputs.forEach((input, i) => {
    const gradient = ofInputs[i];
    if (gradient === undefined || !active.has(input)) return;
    const sum = gradients.get(input);
    gradients.set(input, sum ? b.add(sum, gradient) : gradient);
  });
}

/**
 * Adds a copy of a segment's nodes that cannot run before the backward pass has reached the segment: its inputs
 * wait for a gradient. Without that the runtime would merge copy and original, or compute the copy early and keep it.
 * @returns The copy of a node.
 */
function replay(
  b: GraphBuilder,
  nodes: readonly AnyNode[],
  { start, end }: Segment,
  gradients: ReadonlyMap<Value, Value>,
): (node: AnyNode) => AnyNode {
  const computed = new Set(nodes.slice(0, start).flatMap(({ outputs }) => outputs));
  const arrived = nodes
    .slice(start, end)
    .flatMap(({ outputs }) => outputs)
    .map((output) => gradients.get(output))
    .find((gradient) => gradient !== undefined);
  const copies = new Map<Value, Value>();
  const copyOf = (value: Value): Value => {
    const copy = copies.get(value);
    if (copy) return copy;
    if (!arrived || !computed.has(value) || !value.dtype.startsWith('float')) return value;
    const waiting = b.add(value, zeroAfter(b, arrived, value));
    copies.set(value, waiting);
    return waiting;
  };
  const replayed = new Map<AnyNode, AnyNode>();
  for (const node of nodes.slice(start, end)) {
    const inputs = node.inputs.map(copyOf);
    const outputs = b.apply(node.op, inputs, node.attributes);
    node.outputs.forEach((output, i) => {
      copies.set(output, outputs[i]);
    });
    replayed.set(node, { ...node, inputs, outputs } as AnyNode);
  }
  return (node) => replayed.get(node)!;
}

/** A scalar 0 that is known only once `value` is. */
function zeroAfter(b: GraphBuilder, value: Value, like: Value): Value {
  const corner = value.shape.reduce<Value>((x, _, axis) => b.slice(x, axis, 0, 1), value);
  return b.mul(b.cast(b.reshape(corner, []), like.dtype), scalarLike(b, 0, like));
}
