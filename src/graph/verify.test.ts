import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.ts';
import { printGraph } from './print.ts';
import { float32, type Graph } from './types.ts';
import { verifyGraph } from './verify.ts';

/** x [rows, 2] · w [2, 3], then its exponential. */
function sample(): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['rows', 2]);
  const w = b.constant(float32([2, 3], [1, 2, 3, 4, 5, 6]));
  b.output('y', b.exp(b.matmul(x, w)));
  return b.build();
}

describe('verifyGraph', () => {
  it('accepts what the builder makes', () => {
    expect(() => verifyGraph(sample())).not.toThrow();
  });

  const graph = sample();
  const [matmul, exp] = graph.nodes;
  const [[w, weights]] = graph.constants;
  const y = exp.outputs[0];
  const broken: [string, Partial<Graph>, RegExp][] = [
    [
      'a value used before it is defined',
      { nodes: [exp, matmul] },
      /= exp\(%2 .*\): uses %2 before it is defined/,
    ],
    ['a missing input', { inputs: new Map() }, /= matmul\(%0 float32\[rows, 2\].*uses %0 before/],
    ['a value defined twice', { nodes: [matmul, exp, exp] }, /= exp.*%3 is defined twice/],
    [
      'two values with one id',
      { nodes: [matmul, { ...exp, outputs: [{ ...y, id: 0 }] }], outputs: new Map() },
      /another value has the id 0/,
    ],
    [
      'a recorded type that the shape rule does not give',
      { nodes: [matmul, { ...exp, outputs: [{ ...y, shape: ['rows', 4] }] }] },
      /exp.*the shape rule gives float32\[rows, 3\]/,
    ],
    [
      'inputs that the shape rule refuses',
      {
        nodes: [
          { ...matmul, attributes: { transposeA: false, transposeB: true, scale: 1 } } as typeof matmul,
          exp,
        ],
      },
      /= matmul\(.*inner sizes 2 and 3 differ/,
    ],
    ['an undefined output', { nodes: [matmul] }, /output y: %3 is not defined/],
    ['an output named like an input', { outputs: new Map([['x', y]]) }, /output x: an input has that name/],
    [
      'a constant of another type',
      { constants: new Map([[w, float32([3, 2], [...weights.data].map(Number))]]) },
      /constant %1 float32\[2, 3\]: holds float32\[3, 2\]/,
    ],
    [
      'a constant that does not fill its shape',
      { constants: new Map([[w, { dtype: 'float32', shape: [2, 3], data: new Float32Array(5) }]]) },
      /constant %1 float32\[2, 3\]: holds 5 elements/,
    ],
  ];
  it.each(broken)('refuses %s and prints where', (_, change, message) => {
    expect(() => verifyGraph({ ...graph, ...change })).toThrow(message);
  });
});

describe('printGraph', () => {
  it('shows every value with its type', () => {
    expect(printGraph(sample())).toBe(
      [
        'input x: %0 float32[rows, 2]',
        'constant %1 float32[2, 3]',
        '%2 float32[rows, 3] = matmul(%0 float32[rows, 2], %1 float32[2, 3]) {"transposeA":false,"transposeB":false,"scale":1}',
        '%3 float32[rows, 3] = exp(%2 float32[rows, 3])',
        'output y: %3',
      ].join('\n'),
    );
  });

  it('writes the open end of a slice', () => {
    const b = new GraphBuilder();
    b.output('y', b.slice(b.input('x', 'float32', [4]), 0, 1));
    expect(printGraph(b.build())).toContain('"end":"end"');
  });
});
