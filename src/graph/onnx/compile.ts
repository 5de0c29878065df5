/** From a graph to an ONNX model and its external weights. */

import type { OpKind } from '../ops.ts';
import type { DType, Graph, Tensor, Value } from '../types.ts';
import { type EmissionRules, type EmitNode, type Emitter, emissionRules, int64 } from './emit.ts';
import { encodeModel, type OnnxNode, type OnnxTensor } from './model-proto.ts';

/** Constants from this size on live outside the model file. */
const externalBytes = 1024;

export interface CompiledModel {
  /** Encoded ModelProto. */
  model: Uint8Array;
  /** Weights by location, in the form `SessionOptions.externalData` takes; views of the graph's own arrays. */
  externalData: { path: string; data: Uint8Array }[];
}

function bytesOf(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** Small constants that many nodes ask for (axes, scalars) are written once. */
function constantKey(tensor: Tensor): string | undefined {
  if (tensor.data.length > 16) return undefined;
  return `${tensor.dtype} ${tensor.shape} ${bytesOf(tensor).join()}`;
}

export function compile(graph: Graph): CompiledModel {
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  const externalData: CompiledModel['externalData'] = [];
  const namesById = new Map<number, string>();
  const shared = new Map<string, string>();
  let temporaries = 0;

  const addTensor = (name: string, constant: Tensor): string => {
    const data = bytesOf(constant);
    const external = data.byteLength >= externalBytes ? name : undefined;
    if (external) externalData.push({ path: name, data });
    tensors.push({ name, type: constant.dtype, dims: constant.shape, data, external });
    return name;
  };

  const once = (key: string, make: () => string): string => {
    const name = shared.get(key) ?? make();
    shared.set(key, name);
    return name;
  };
  const emitter: Emitter = {
    name: (value) => namesById.get(value.id) ?? `%v${value.id}`,
    temporary: () => `%t${temporaries++}`,
    constant: (constant) => {
      const add = () => addTensor(`%c${temporaries++}`, constant);
      const key = constantKey(constant);
      return key === undefined ? add() : once(key, add);
    },
    dimension: (dim) =>
      typeof dim === 'number'
        ? emitter.constant(int64([dim]))
        : once(`size ${dim}`, () => readDimension(graph, dim, emitter)),
    sizes: (dims) => {
      if (dims.every((dim) => typeof dim === 'number')) return emitter.constant(int64(dims));
      return once(`sizes ${dims}`, () => {
        const sizes = emitter.temporary();
        emitter.node('Concat', dims.map(emitter.dimension), [sizes], { axis: { int: 0 } });
        return sizes;
      });
    },
    filled: (scalar, shape) =>
      once(`${scalar.dtype} ${scalar.data} filling ${shape}`, () => {
        const filled = emitter.temporary();
        emitter.node('Expand', [emitter.constant(scalar), emitter.sizes(shape)], [filled]);
        return filled;
      }),
    node: (op, inputs, outputs, attributes, domain) => {
      nodes.push({ op, inputs, outputs, attributes, domain });
    },
  };

  const info = (name: string, value: { dtype: DType; shape: readonly (number | string)[] }) => ({
    name,
    type: value.dtype,
    dims: value.shape,
  });
  for (const [name, value] of graph.inputs) namesById.set(value.id, name);
  for (const [value, constant] of graph.constants) {
    namesById.set(value.id, emitter.constant(constant));
  }
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs));
  const copies: [from: Value, to: string][] = [];
  for (const [name, value] of graph.outputs) {
    // An input, a constant or a value that is an output twice needs a copy to carry the second name.
    if (produced.has(value) && !namesById.has(value.id)) namesById.set(value.id, name);
    else copies.push([value, name]);
  }
  for (const node of graph.nodes) emitNode(emitter, node);
  for (const [value, name] of copies) emitter.node('Identity', [emitter.name(value)], [name]);

  const model = encodeModel({
    nodes,
    tensors,
    inputs: [...graph.inputs].map(([name, value]) => info(name, value)),
    outputs: [...graph.outputs].map(([name, value]) => info(name, value)),
  });
  return { model, externalData };
}

function emitNode<K extends OpKind>(emitter: Emitter, node: EmitNode<K> & { op: K }): void {
  (emissionRules as EmissionRules)[node.op](emitter, node);
}

/**
 * A symbolic size at run time: read off the first input whose shape has it, or computed from its terms
 * ("rows+slots") and factors ("3*rows").
 */
function readDimension(graph: Graph, dim: string, emitter: Emitter): string {
  for (const [name, value] of graph.inputs) {
    const axis = value.shape.indexOf(dim);
    if (axis === -1) continue;
    const size = emitter.temporary();
    emitter.node('Shape', [name], [size], { start: { int: axis }, end: { int: axis + 1 } });
    return size;
  }
  const operator = dim.includes('+') ? '+' : '*';
  const parts = dim.split(operator);
  if (parts.length === 1) throw new Error(`no input has a size called ${dim}`);
  return parts
    .map((part) => emitter.dimension(/^\d+$/.test(part) ? Number(part) : part))
    .reduce((left, right) => {
      const both = emitter.temporary();
      emitter.node(operator === '+' ? 'Add' : 'Mul', [left, right], [both]);
      return both;
    });
}
