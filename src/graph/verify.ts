/**
 * What a legal program is, as code. Run after building and after every rewrite (differentiation, fusion), so that
 * a broken one fails where it happened, with the node printed, and not inside a runtime.
 */

import { describeType } from './bindings.ts';
import type { OpKind, ShapeRule } from './ops.ts';
import { describeNode } from './print.ts';
import { shapeRules } from './shapes.ts';
import { type AnyNode, type Graph, sizeOf, type Value } from './types.ts';

/**
 * Checks that every value is defined once and before its use, that recorded types are those of the shape rules,
 * that constants fill their shapes, and that names and ids are unique.
 * @throws Error that names the broken input, constant, node or output.
 */
export function verifyGraph(graph: Graph): void {
  const defined = new Set<Value>();
  const ids = new Set<number>();
  const define = (value: Value, where: string) => {
    if (defined.has(value)) throw new Error(`${where}: %${value.id} is defined twice`);
    if (ids.has(value.id)) throw new Error(`${where}: another value has the id ${value.id}`);
    defined.add(value);
    ids.add(value.id);
  };

  for (const [name, value] of graph.inputs) define(value, `input ${name}`);
  for (const [value, constant] of graph.constants) {
    const where = `constant %${value.id} ${describeType(value)}`;
    define(value, where);
    if (describeType(constant) !== describeType(value))
      throw new Error(`${where}: holds ${describeType(constant)}`);
    if (constant.data.length !== sizeOf(constant.shape)) {
      throw new Error(`${where}: holds ${constant.data.length} elements`);
    }
  }
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (!defined.has(input))
        throw new Error(`${describeNode(node)}: uses %${input.id} before it is defined`);
    }
    verifyTypes(node);
    for (const output of node.outputs) define(output, describeNode(node));
  }
  for (const [name, value] of graph.outputs) {
    if (!defined.has(value)) throw new Error(`output ${name}: %${value.id} is not defined`);
    if (graph.inputs.has(name)) throw new Error(`output ${name}: an input has that name`);
  }
}

function verifyTypes(node: AnyNode): void {
  const expected = shapesOf(node).map(describeType).join(', ');
  const recorded = node.outputs.map(describeType).join(', ');
  if (expected !== recorded) throw new Error(`${describeNode(node)}: the shape rule gives ${expected}`);
}

function shapesOf(node: AnyNode) {
  try {
    return (shapeRules[node.op] as ShapeRule<OpKind>)(node.inputs, node.attributes);
  } catch (cause) {
    throw new Error(`${describeNode(node)}: ${(cause as Error).message}`, { cause });
  }
}
