import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../errors.ts';
import { GraphBuilder } from './builder.ts';
import { differentiate } from './differentiate.ts';
import { gradientRules } from './gradients/index.ts';
import type { OpKind } from './ops.ts';
import { printGraph } from './print.ts';
import { evaluate } from './reference/evaluate.ts';
import { Program } from './session.ts';
import { type OperatorCase, seeded } from './testing/compare.ts';
import { checkGradients, compareGradients } from './testing/finite-differences.ts';
import { operatorCases } from './testing/operator-cases/index.ts';
import { type DType, float32, type Value } from './types.ts';
import { verifyGraph } from './verify.ts';

/** Operators whose result does not follow their inputs smoothly, or takes integers only. */
const without = new Set<OpKind>([
  ...(['round', 'less', 'equal', 'argMax', 'cast', 'stopGradient'] as const),
  ...(['quantizeRows', 'quantizedMatmul', 'blockMatmul'] as const),
]);
/** Their random inputs are whole numbers, so that ties happen, where there is no derivative. */
const tied = new Set<OpKind>(['topK']);
const smooth = (Object.keys(gradientRules) as OpKind[]).filter((op) => !without.has(op));

/** A slice of a symbolic axis is refused: what it cut off has no expressible size. */
const isRefused = (op: OpKind, { inputs }: OperatorCase) =>
  op === 'slice' && inputs[0].shape.some((dim) => typeof dim === 'string');

/** Cases of one element type, with inputs kept apart from poles and ties. */
function casesOf(op: OpKind, dtype: DType) {
  return operatorCases[op]
    .filter(({ inputs }) => inputs.some((input) => input.dtype === dtype))
    .filter(({ inputs }) =>
      inputs.every((input) => !input.dtype.startsWith('float') || input.dtype === dtype),
    )
    .filter((test) => !isRefused(op, test))
    .map((test) =>
      tied.has(op)
        ? { ...test, inputs: test.inputs.map((input) => ({ ...input, element: undefined })) }
        : test,
    );
}

describe('gradients agree with central differences', () => {
  it.each(smooth.filter((op) => op !== 'rotary'))('%s', (op) => {
    fc.assert(
      fc.property(casesOf(op, 'float64'), (test) => checkGradients(test)),
      { numRuns: 15, seed: 2 },
    );
  });

  it('rotary, whose kernel takes float32 only', () => {
    const float64 = casesOf('rotary', 'float32').map((test) => ({
      ...test,
      inputs: test.inputs.map((input) =>
        input.dtype === 'float32' ? { ...input, dtype: 'float64' as const } : input,
      ),
    }));
    // The tables are constants of a model; the rule gives them no gradient.
    fc.assert(
      fc.property(float64, (test) => checkGradients(test, [2, 3])),
      { numRuns: 15, seed: 2 },
    );
  });
});

describe('backward programs on onnxruntime agree with the reference', () => {
  it.each(smooth)('%s', async (op) => {
    await fc.assert(fc.asyncProperty(casesOf(op, 'float32'), compareGradients), { numRuns: 5, seed: 3 });
  });
});

/** A small network of two layers; `wrap` marks parts of it. */
function network(wrap: (b: GraphBuilder, body: () => Value) => Value = (_, body) => body()) {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['rows', 4]);
  const weights = [0, 1].map((i) => b.input(`w${i}`, 'float32', [4, 4]));
  let h = x;
  for (const w of weights) {
    const entering = h;
    h = wrap(b, () => b.add(entering, b.tanh(b.matmul(b.silu(entering), w))));
  }
  const loss = b.reduceMean(b.mul(h, h), [0, 1], false);
  return { b, x, weights, loss };
}

const random = seeded(5);
const feeds = {
  x: float32(
    [3, 4],
    Array.from({ length: 12 }, () => random() - 0.5),
  ),
  w0: float32(
    [4, 4],
    Array.from({ length: 16 }, () => random() - 0.5),
  ),
  w1: float32(
    [4, 4],
    Array.from({ length: 16 }, () => random() - 0.5),
  ),
};

describe('differentiate', () => {
  it('builds programs that verify', () => {
    const { b, weights, loss } = network();
    for (const [i, gradient] of differentiate(b, loss, weights).entries()) b.output(`g${i}`, gradient);
    verifyGraph(b.build());
  });

  it('gives the same numbers through checkpointed segments, computing them twice', async () => {
    const run = async (wrap?: (b: GraphBuilder, body: () => Value) => Value) => {
      const { b, weights, loss } = network(wrap);
      b.output('loss', loss);
      for (const [i, gradient] of differentiate(b, loss, weights).entries()) b.output(`g${i}`, gradient);
      const graph = b.build();
      await using program = await Program.load(graph, { threads: 1 });
      const count = graph.nodes.filter(({ op }) => op === 'tanh').length;
      return { count, outputs: await program.run(feeds) };
    };
    const plain = await run();
    const segmented = await run((b, body) => b.checkpoint(body));
    expect(segmented.outputs).toEqual(plain.outputs);
    expect([plain.count, segmented.count]).toEqual([2, 4]);
  });

  it('spends nothing on frozen weights', () => {
    const { b, weights, loss } = network();
    const forward = b.nodes.length;
    const [gradient] = differentiate(b, loss, [weights[1]]);
    b.output('g', gradient);
    const all = network();
    for (const [i, g] of differentiate(all.b, all.loss, all.weights).entries()) all.b.output(`g${i}`, g);
    const backward = b.build().nodes.length - forward;
    expect(backward).toBeLessThan((all.b.build().nodes.length - forward) / 2 + 6);
    expect(printGraph(b.build())).toContain('input w0');
  });

  it('passes nothing through stopGradient, and zeros to what the loss does not depend on', () => {
    const b = new GraphBuilder();
    const [x, y] = ['x', 'y'].map((name) => b.input(name, 'float32', ['n']));
    const loss = b.reduceSum(b.mul(b.stopGradient(x), x), [0], false);
    const [ofX, ofY] = differentiate(b, loss, [x, y]);
    b.output('x', ofX);
    b.output('y', b.add(ofY, b.mul(y, 0)));
    const { x: gx, y: gy } = evaluate(b.build(), { x: float32([2], [3, 4]), y: float32([2], [1, 1]) });
    expect([[...gx.data], [...gy.data]]).toEqual([
      [3, 4],
      [0, 0],
    ]);
  });

  it('can be applied twice: the second derivative of x³ is 6x', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', []);
    const [first] = differentiate(b, b.mul(x, b.mul(x, x)), [x]);
    const [second] = differentiate(b, first, [x]);
    b.output('second', second);
    expect(evaluate(b.build(), { x: float32([], [5]) }).second.data[0]).toBeCloseTo(30, 5);
  });

  it('refuses losses that are not scalars, and weights in integers', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 4]);
    expect(() => differentiate(b, x, [x])).toThrow(QuickstepError);
    const [q, scale] = b.quantizeRows(x);
    const loss = b.reduceSum(b.mul(b.cast(q, 'float32'), scale), [0, 1], false);
    expect(() => differentiate(b, loss, [x])).toThrow('quantizeRows has no gradient');
    const rows = b.input('rows', 'float32', ['rows']);
    const first = b.reshape(b.slice(rows, 0, 0, 1), []);
    expect(() => differentiate(b, first, [rows])).toThrow('slice of the symbolic axis rows');
  });
});
