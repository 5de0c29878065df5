/**
 * Tensor programs: build them with `GraphBuilder`, run them with `Program` (ONNX Runtime) or `evaluate` (plain
 * typed arrays), check and print them with `verifyGraph` and `printGraph`.
 */

export { type Bindings, bindDim, bindInputs, describeType } from './bindings.ts';
export { GraphBuilder } from './builder.ts';
export { type CompiledModel, compile } from './onnx/compile.ts';
export type {
  EvaluationRule,
  EvaluationRules,
  OpAttributes,
  OpKind,
  ShapeRule,
  ShapeRules,
  ValueType,
} from './ops.ts';
export { describeNode, printGraph } from './print.ts';
export { evaluate, evaluationRules } from './reference/evaluate.ts';
export { defaultRuntime, Program, type ProgramOptions, type Provider, type Runtime } from './session.ts';
export { shapeRules } from './shapes.ts';
export {
  type AnyNode,
  addDims,
  type Dim,
  type DType,
  float32,
  type Graph,
  multiplyDims,
  type Node,
  type Shape,
  sizeOf,
  type Tensor,
  type TypedArrays,
  tensor,
  type Value,
  zeros,
} from './types.ts';
export { verifyGraph } from './verify.ts';
