/** From a graph to an ONNX model and its external weights. */

import type { OpKind } from '../ops.ts';
import type { DType, Graph, Tensor } from '../types.ts';
import { type EmitNode, type EmissionRules, type Emitter, emissionRules } from './emit.ts';
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
  return `${tensor.dtype} ${tensor.shape} ${Array.from(tensor.data as ArrayLike<number | bigint>).join()}`;
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

  const emitter: Emitter = {
    name: (value) => namesById.get(value.id) ?? `%v${value.id}`,
    temporary: () => `%t${temporaries++}`,
    constant: (constant) => {
      const key = constantKey(constant);
      const known = key === undefined ? undefined : shared.get(key);
      if (known !== undefined) return known;
      const name = addTensor(`%c${temporaries++}`, constant);
      if (key !== undefined) shared.set(key, name);
      return name;
    },
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
    const key = constantKey(constant);
    const name = key !== undefined && shared.has(key) ? shared.get(key)! : addTensor(`%w${value.id}`, constant);
    if (key !== undefined) shared.set(key, name);
    namesById.set(value.id, name);
  }
  for (const node of graph.nodes) emitNode(emitter, node);
  // An output keeps its own name even when its value is an input, a constant or named twice.
  for (const [name, value] of graph.outputs) emitter.node('Identity', [emitter.name(value)], [name]);

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

