/**
 * Checks gradients against central differences of the reference evaluation, in float64: the loss is a random linear
 * function of an operator's outputs, and each input element is moved both ways. Test support; not part of the package.
 */

import { bindDim } from '../bindings.ts';
import { GraphBuilder } from '../builder.ts';
import { differentiate } from '../differentiate.ts';
import { evaluate } from '../reference/evaluate.ts';
import { Program } from '../session.ts';
import { type Graph, type Tensor, tensor, type Value } from '../types.ts';
import { type OperatorCase, randomTensor, seeded, sizes } from './compare.ts';

const step = 1e-5;
/** Elements of an input that are moved; the rest are covered by other random cases. */
const moved = 12;

interface Differentiated {
  graph: Graph;
  /** Indices of the inputs that have gradients. */
  active: readonly number[];
}

/** Σ weights · output over all floating-point outputs, and its gradients. */
function lossOf(test: OperatorCase, b: GraphBuilder): Differentiated {
  const inputs = test.inputs.map((spec, i) => b.input(`input${i}`, spec.dtype, spec.shape));
  const outputs = test.apply(b, inputs).filter(({ dtype }) => dtype.startsWith('float'));
  const terms = outputs.map((output, i): Value => {
    const weight = b.input(`weight${i}`, output.dtype, output.shape);
    const axes = output.shape.map((_, axis) => axis);
    return b.reduceSum(b.mul(output, weight), axes, false);
  });
  const loss = terms.reduce((sum, term) => b.add(sum, term));
  b.output('loss', loss);
  const active = inputs.flatMap(({ dtype }, i) => (dtype.startsWith('float') ? [i] : []));
  const gradients = differentiate(
    b,
    loss,
    active.map((i) => inputs[i]),
  );
  for (const [n, gradient] of gradients.entries()) b.output(`gradient${active[n]}`, gradient);
  return { graph: b.build(), active };
}

function feedsOf(test: OperatorCase, graph: Graph, binding: Readonly<Record<string, number>>) {
  const random = seeded(test.seed);
  const bound = new Map(Object.entries(binding));
  const feeds: Record<string, Tensor> = {};
  for (const [name, { dtype, shape }] of graph.inputs) {
    const spec = name.startsWith('input') ? test.inputs[Number(name.slice(5))] : undefined;
    feeds[name] = randomTensor(
      dtype,
      shape.map((dim) => bindDim(dim, bound)),
      random,
      spec?.element,
    );
  }
  return feeds;
}

/** Bindings without empty sizes: a mean over nothing has no gradient. */
const bindings = sizes.filter((binding) => Object.values(binding).every((size) => size > 0));

/** Throws at the first gradient element that differs from its central difference by more than 1e-3 of the largest. */
export function checkGradients(test: OperatorCase, frozen: readonly number[] = []): void {
  const { graph, active } = lossOf(test, new GraphBuilder());
  for (const binding of bindings) {
    const feeds = feedsOf(test, graph, binding);
    const outputs = evaluate(graph, feeds);
    const lossAt = (name: string, data: Float64Array) =>
      Number(evaluate(graph, { ...feeds, [name]: tensor('float64', feeds[name].shape, data) }).loss.data[0]);
    for (const i of active) {
      const name = `input${i}`;
      if (!graph.inputs.has(name) || frozen.includes(i)) continue;
      const gradient = outputs[`gradient${i}`].data as Float64Array;
      const scale = gradient.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-2);
      const stride = Math.max(1, Math.floor(gradient.length / moved));
      for (let at = 0; at < gradient.length; at += stride) {
        const difference = [step, -step].map((by) => {
          const data = Float64Array.from(feeds[name].data as Float64Array);
          data[at] += by;
          return lossAt(name, data);
        });
        const expected = (difference[0] - difference[1]) / (2 * step);
        if (Math.abs(gradient[at] - expected) <= 1e-3 * scale) continue;
        throw new Error(
          `∂loss/∂${name}[${at}] of [${feeds[name].shape}] is ${gradient[at]}, not ${expected}`,
        );
      }
    }
  }
}

/** Runs the backward program in float32 on ONNX Runtime and compares it with the reference. */
export async function compareGradients(test: OperatorCase): Promise<void> {
  const { graph } = lossOf(test, new GraphBuilder());
  await using program = await Program.load(graph, { threads: 1 });
  for (const binding of bindings) {
    const feeds = feedsOf(test, graph, binding);
    const expected = evaluate(graph, feeds);
    const actual = await program.run(feeds);
    for (const name of graph.outputs.keys()) {
      const [x, y] = [actual[name].data, expected[name].data] as [Float32Array, Float32Array];
      const scale = y.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      y.forEach((value, i) => {
        if (Math.abs(x[i] - value) > 1e-3 * scale) throw new Error(`${name}[${i}] is ${x[i]}, not ${value}`);
      });
    }
  }
}
