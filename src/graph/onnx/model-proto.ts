/**
 * ONNX `ModelProto` from plain descriptions of nodes, tensors and inputs.
 * Field numbers follow onnx.proto3 of ONNX 1.16 (IR version 10). Weights above a small size are written as
 * external data, so the model itself stays far below protobuf's 2 GB limit whatever the checkpoint's size.
 */

import { MessageWriter } from './protobuf.ts';

/** ONNX `TensorProto.DataType` numbers of the element types Quickstep uses. */
export const dataTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
} as const;
export type OnnxType = keyof typeof dataTypes;

export type AttributeValue =
  | { int: number }
  | { float: number }
  | { string: string }
  | { ints: readonly number[] };

export interface OnnxNode {
  op: string;
  /** Operator set; '' is ai.onnx, 'com.microsoft' holds ONNX Runtime's own operators. */
  domain?: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Readonly<Record<string, AttributeValue>>;
}

export interface OnnxTensor {
  name: string;
  type: OnnxType;
  dims: readonly number[];
  data: Uint8Array;
  /** Kept outside the model under this location, see `SessionOptions.externalData`. */
  external?: string;
}

export interface OnnxValueInfo {
  name: string;
  type: OnnxType;
  /** Strings are symbolic dimensions. */
  dims: readonly (number | string)[];
}

export interface OnnxModel {
  nodes: readonly OnnxNode[];
  tensors: readonly OnnxTensor[];
  inputs: readonly OnnxValueInfo[];
  outputs: readonly OnnxValueInfo[];
}

function writeAttribute(message: MessageWriter, name: string, value: AttributeValue): void {
  message.string(1, name);
  if ('int' in value) message.int(3, value.int).int(20, 2);
  else if ('float' in value) message.float(2, value.float).int(20, 1);
  else if ('string' in value) message.string(4, value.string).int(20, 3);
  else {
    for (const item of value.ints) message.int(8, item);
    message.int(20, 7);
  }
}

function writeNode(message: MessageWriter, node: OnnxNode, index: number): void {
  for (const input of node.inputs) message.string(1, input);
  for (const output of node.outputs) message.string(2, output);
  message.string(3, `${node.op}_${index}`).string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message.message(5, (attribute) => writeAttribute(attribute, name, value));
  }
  message.string(7, node.domain ?? '');
}

function writeTensor(message: MessageWriter, tensor: OnnxTensor): void {
  for (const dim of tensor.dims) message.int(1, dim);
  message.int(2, dataTypes[tensor.type]).string(8, tensor.name);
  if (tensor.external === undefined) {
    message.bytes(9, tensor.data);
    return;
  }
  const entries = { location: tensor.external, offset: '0', length: String(tensor.data.byteLength) };
  for (const [key, value] of Object.entries(entries)) {
    message.message(13, (entry) => entry.string(1, key).string(2, value));
  }
  message.int(14, 1);
}

function writeValueInfo(message: MessageWriter, info: OnnxValueInfo): void {
  message.string(1, info.name).message(2, (type) =>
    type.message(1, (tensorType) =>
      tensorType.int(1, dataTypes[info.type]).message(2, (shape) => {
        for (const dim of info.dims) {
          shape.message(1, (d) => (typeof dim === 'number' ? d.int(1, dim) : d.string(2, dim)));
        }
      }),
    ),
  );
}

/** Opset 21 is the newest that every provider of onnxruntime 1.30 implements in full. */
export const opset = 21;

/** Encoded `ModelProto`, ready for `InferenceSession.create`. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const message = new MessageWriter();
  message.int(1, 10).string(2, 'quickstep');
  message.message(7, (graph) => {
    model.nodes.forEach((node, index) => {
      graph.message(1, (m) => writeNode(m, node, index));
    });
    graph.string(2, 'program');
    for (const tensor of model.tensors) graph.message(5, (m) => writeTensor(m, tensor));
    for (const input of model.inputs) graph.message(11, (m) => writeValueInfo(m, input));
    for (const output of model.outputs) graph.message(12, (m) => writeValueInfo(m, output));
  });
  message.message(8, (set) => set.string(1, '').int(2, opset));
  message.message(8, (set) => set.string(1, 'com.microsoft').int(2, 1));
  return message.finish();
}
