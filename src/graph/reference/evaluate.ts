/**
 * Reference evaluation of tensor programs with plain typed arrays: slow and readable, the truth that kernels are
 * tested against and the float64 path of theory constructions. One exhaustive table over the operators.
 */

import { bindDim, bindInputs, describeType } from '../bindings.ts';
import type { EvaluationRule, EvaluationRules, OpKind } from '../ops.ts';
import { describeNode } from '../print.ts';
import type { Dim, Graph, Tensor, Value } from '../types.ts';
import { elementwise } from './elementwise.ts';
import { layers } from './layers.ts';
import { layout } from './layout.ts';
import { matrixProducts } from './matmul.ts';
import { quantized } from './quantized.ts';
import { reductions } from './reductions.ts';

/** How each operator is evaluated; a missing rule does not compile. */
export const evaluationRules: EvaluationRules = {
  ...elementwise,
  ...reductions,
  ...layout,
  ...matrixProducts,
  ...quantized,
  ...layers,
};

/**
 * Runs a program on the given inputs and returns its outputs by name.
 * @throws QuickstepError 'bad-shape' as `Program.run` does, when inputs and program disagree.
 */
export function evaluate(graph: Graph, inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const bindings = bindInputs(graph.inputs, inputs);
  const size = (dim: Dim) => bindDim(dim, bindings);
  const known = new Map<Value, Tensor>(graph.constants);
  for (const [name, value] of graph.inputs) known.set(value, inputs[name]);
  for (const node of graph.nodes) {
    const rule = evaluationRules[node.op] as EvaluationRule<OpKind>;
    const results = rule(
      node.inputs.map((input) => known.get(input)!),
      node.attributes,
      size,
    );
    node.outputs.forEach((output, i) => {
      const declared = describeType({ dtype: output.dtype, shape: output.shape.map(size) });
      if (describeType(results[i]) !== declared) {
        throw new Error(`${describeNode(node)}: evaluated to ${describeType(results[i])}, not ${declared}`);
      }
      known.set(output, results[i]);
    });
  }
  return Object.fromEntries([...graph.outputs].map(([name, value]) => [name, known.get(value)!]));
}
