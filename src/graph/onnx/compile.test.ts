import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../builder.ts';
import { Program } from '../session.ts';
import { float32 } from '../types.ts';
import { compile } from './compile.ts';

describe('compile', () => {
  it('writes equal small constants once', () => {
    const build = (constants: number[][]) => {
      const b = new GraphBuilder();
      const x = b.input('x', 'float32', [2]);
      b.output(
        'y',
        constants.reduce((sum, data) => b.add(sum, b.constant(float32([2], data))), x),
      );
      return compile(b.build()).model.byteLength;
    };
    const tensorBytes =
      build([
        [1, 2],
        [3, 4],
      ]) -
      build([
        [1, 2],
        [1, 2],
      ]);
    expect(tensorBytes).toBeGreaterThan(8);
  });

  it('keeps constants apart that only look equal', async () => {
    const b = new GraphBuilder();
    const reciprocals = [0, -0].map((x) => b.reciprocal(b.constant(float32([1], [x]))));
    b.output('y', b.concat(reciprocals, 0));
    const program = await Program.load(b.build());
    const { y } = await program.run({});
    await program[Symbol.asyncDispose]();
    expect([...y.data]).toEqual([Infinity, -Infinity]);
  });

  it('keeps a long constant inside the model below 1,024 bytes', () => {
    const places = [255, 256].map((length) => {
      const b = new GraphBuilder();
      b.output('y', b.neg(b.constant(float32([length], new Float32Array(length)))));
      return compile(b.build()).externalData.length;
    });
    expect(places).toEqual([0, 1]);
  });
});
