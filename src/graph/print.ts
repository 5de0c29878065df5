/** Programs as text: one line per value, for error messages and debugging. */

import { describeType } from './bindings.ts';
import type { AnyNode, Graph, Value } from './types.ts';

/** "%7", the name of a value in printed programs. */
function nameOf(value: Value): string {
  return `%${value.id}`;
}

const typed = (value: Value) => `${nameOf(value)} ${describeType(value)}`;

/** `%7 float32[rows, 8] = matmul(%3 float32[rows, 4], %5 float32[4, 8]) {"transposeA":false,...}` */
export function describeNode(node: AnyNode): string {
  const attributes = Object.keys(node.attributes).length > 0 ? ` ${attributeText(node.attributes)}` : '';
  return `${node.outputs.map(typed).join(', ')} = ${node.op}(${node.inputs.map(typed).join(', ')})${attributes}`;
}

/** JSON would print the open end of a slice as null. */
function attributeText(attributes: AnyNode['attributes']): string {
  return JSON.stringify(attributes, (_, value) => (value === Infinity ? 'end' : value));
}

/** The whole program: inputs, constants (types only), nodes in order, outputs. */
export function printGraph(graph: Graph): string {
  return [
    ...[...graph.inputs].map(([name, value]) => `input ${name}: ${typed(value)}`),
    ...[...graph.constants.keys()].map((value) => `constant ${typed(value)}`),
    ...graph.nodes.map(describeNode),
    ...[...graph.outputs].map(([name, value]) => `output ${name}: ${nameOf(value)}`),
  ].join('\n');
}
