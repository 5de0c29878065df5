import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../errors.ts';
import { GraphBuilder } from './builder.ts';
import { compile } from './onnx/compile.ts';
import { Program } from './session.ts';
import { float32, type Graph, type Tensor, tensor, zeros } from './types.ts';

/** Loads, runs once and disposes. */
async function runOnce(graph: Graph, inputs: Record<string, Tensor>, fetches?: string[]) {
  const program = await Program.load(graph);
  try {
    return await program.run(inputs, fetches);
  } finally {
    await program[Symbol.asyncDispose]();
  }
}

async function failure(promise: Promise<unknown>): Promise<QuickstepError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!QuickstepError.isInstance(error)) throw new Error(`expected a QuickstepError, got ${error}`);
  return error;
}

describe('outputs', () => {
  function build() {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['rows', 2]);
    const hidden = b.mul(x, 2);
    const result = b.add(hidden, 1);
    const table = b.constant(float32([2], [5, 6]));
    for (const [name, value] of Object.entries({ result, hidden, again: hidden, copy: x, table }))
      b.output(name, value);
    return b.build();
  }
  const x = float32([1, 2], [1, -3]);

  it('may be intermediates, inputs, constants and one value under two names', async () => {
    const out = await runOnce(build(), { x });
    const data = Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, [...data]]));
    expect(data).toEqual({ result: [3, -5], hidden: [2, -6], again: [2, -6], copy: [1, -3], table: [5, 6] });
    expect(out.copy.data).not.toBe(x.data);
  });

  it('are only those asked for', async () => {
    expect(Object.keys(await runOnce(build(), { x }, ['again', 'result'])).sort()).toEqual([
      'again',
      'result',
    ]);
  });

  it('leave unneeded nodes, inputs and constants out of the program', () => {
    const b = new GraphBuilder();
    const input = b.input('x', 'float32', [2]);
    const unused = b.input('unused', 'float32', [2]);
    b.exp(b.add(unused, b.constant(float32([2], [1, 2]))));
    b.output('y', b.neg(input));
    const graph = b.build();
    expect([graph.nodes.length, [...graph.inputs.keys()], graph.constants.size]).toEqual([1, ['x'], 0]);
  });
});

describe('inputs', () => {
  const program = (() => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['rows', 4]);
    const bias = b.input('bias', 'float32', ['rows', 'rows+slots']);
    const past = b.input('past', 'float32', ['slots', 4]);
    const scores = b.concat(
      [b.matmul(x, past, { transposeB: true }), b.matmul(x, x, { transposeB: true })],
      1,
    );
    b.output('weights', b.softmax(b.add(b.reshape(scores, ['rows', 'rows+slots']), bias)));
    return b.build();
  })();
  const good = (rows: number, slots: number) => ({
    x: zeros('float32', [rows, 4]),
    bias: zeros('float32', [rows, rows + slots]),
    past: zeros('float32', [slots, 4]),
  });

  it('bind symbols anew in every run, to 0 too', async () => {
    const loaded = await Program.load(program);
    for (const [rows, slots] of [
      [3, 2],
      [1, 0],
      [5, 9],
    ]) {
      const { weights } = await loaded.run(good(rows, slots));
      expect(weights.shape).toEqual([rows, rows + slots]);
      expect(weights.data[0]).toBeCloseTo(1 / (rows + slots), 6);
    }
    await loaded[Symbol.asyncDispose]();
  });

  it.each<[string, Record<string, Tensor>, string[]]>([
    [
      'a missing input',
      { x: good(3, 2).x, past: good(3, 2).past },
      ['bias float32[rows, rows+slots]', 'missing'],
    ],
    [
      'an unknown input',
      { ...good(3, 2), ids: zeros('int64', [3]) },
      ['no input ids int64[3]', 'x float32[rows, 4]'],
    ],
    [
      'a wrong size',
      { ...good(3, 2), x: zeros('float32', [3, 5]) },
      ['x is float32[3, 5]', 'float32[rows, 4]'],
    ],
    ['a wrong rank', { ...good(3, 2), x: zeros('float32', [4]) }, ['x is float32[4]', 'float32[rows, 4]']],
    [
      'a wrong type',
      { ...good(3, 2), x: zeros('float64', [3, 4]) },
      ['x is float64[3, 4]', 'float32[rows, 4]'],
    ],
    [
      'a symbol with two sizes',
      { ...good(3, 2), bias: zeros('float32', [2, 5]) },
      ['bias is float32[2, 5]', 'float32[rows, rows+slots]', 'rows = 3'],
    ],
    [
      'a sum that does not add up',
      { ...good(3, 2), bias: zeros('float32', [3, 6]) },
      ['bias is float32[3, 6]', 'rows = 3', 'slots = 2'],
    ],
    [
      'data that does not fill its shape',
      { ...good(3, 2), x: { dtype: 'float32', shape: [3, 4], data: new Float32Array(11) } },
      ['x float32[3, 4]', '11', '12'],
    ],
  ])('%s is a typed error that names input and shapes', async (_, inputs, words) => {
    const error = await failure(runOnce(program, inputs));
    expect(error.code).toBe('bad-shape');
    for (const word of words) expect(error.message).toContain(word);
  });
});

describe('empty sizes that kernels get wrong', () => {
  it('are refused for the rows of topK, which would end the process', async () => {
    const b = new GraphBuilder();
    b.output('indices', b.topK(b.input('x', 'float32', ['rows', 4]), 2)[1]);
    const error = await failure(runOnce(b.build(), { x: zeros('float32', [0, 4]) }));
    expect(error.code).toBe('bad-shape');
    expect(error.message).toMatch(/size rows is 0 in .*topK/);
  });

  it.each(['transposeB', 'a transposed operand'])('are refused as inner size beside %s', async (kind) => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3, 'slots']);
    const y = b.input('y', 'float32', [2, 5, 'slots']);
    const isFlag = kind === 'transposeB';
    b.output('z', isFlag ? b.matmul(x, y, { transposeB: true }) : b.matmul(x, b.transpose(y, [0, 2, 1])));
    const error = await failure(
      runOnce(b.build(), { x: zeros('float32', [2, 3, 0]), y: zeros('float32', [2, 5, 0]) }),
    );
    expect(error.message).toMatch(/size slots is 0 in .*matmul/);
  });
});

describe('lifetime and loading', () => {
  it('a run after disposal is a typed error, and disposing twice is fine', async () => {
    const b = new GraphBuilder();
    b.output('y', b.neg(b.input('x', 'float32', [1])));
    const program = await Program.load(b.build());
    await program[Symbol.asyncDispose]();
    await program[Symbol.asyncDispose]();
    expect((await failure(program.run({ x: float32([1], [1]) }))).code).toBe('disposed');
  });

  it('what a provider cannot run is a typed error that names the provider', async () => {
    const b = new GraphBuilder();
    const flag = b.input('flag', 'bool', [1]);
    b.output('y', b.add(flag, flag));
    const error = await failure(Program.load(b.build(), { providers: ['cpu'] }));
    expect(error.code).toBe('unsupported');
    expect(error.message).toContain('cpu');
  });

  it('a broken graph does not reach the runtime', async () => {
    const b = new GraphBuilder();
    b.output('y', b.neg(b.input('x', 'float32', [1])));
    await expect(Program.load({ ...b.build(), inputs: new Map() })).rejects.toThrow(
      /neg.*before it is defined/,
    );
  });
});

describe('large constants', () => {
  it('travel outside the model, which stays small whatever their size', async () => {
    const [rows, width] = [17_000, 1000];
    const b = new GraphBuilder();
    const table = new Float32Array(rows * width);
    for (let row = 0; row < rows; row++) table[row * width] = row;
    const bias = Float32Array.from({ length: 256 }, (_, i) => i);
    const ids = b.input('ids', 'int64', ['rows']);
    b.output('embedded', b.slice(b.gather(b.constant(float32([rows, width], table)), ids), 1, 0, 1));
    b.output('bias', b.add(b.constant(float32([256], bias)), 1));
    b.output('small', b.add(b.constant(float32([255], bias.subarray(0, 255))), 1));
    const graph = b.build();

    const { model, externalData } = compile(graph);
    expect(externalData.map(({ data }) => data.byteLength)).toEqual([rows * width * 4, 1024]);
    expect(rows * width * 4).toBeGreaterThan(64 * 2 ** 20);
    expect(model.byteLength).toBeLessThan(4096);
    expect(externalData[0].data.buffer, 'not copied').toBe(table.buffer);

    const out = await runOnce(graph, { ids: tensor('int64', [2], BigInt64Array.of(16_999n, 3n)) });
    expect([...out.embedded.data]).toEqual([16_999, 3]);
    expect([out.bias.data[255], out.small.data[254]]).toEqual([256, 255]);
  });
});
