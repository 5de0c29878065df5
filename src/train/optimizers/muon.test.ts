import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../graph/builder.ts';
import { Program } from '../../graph/session.ts';
import { seeded } from '../../graph/testing/compare.ts';
import { float32 } from '../../graph/types.ts';
import { Muon, orthogonalize } from './muon.ts';

function randomStack(matrices: number, rows: number, columns: number) {
  const random = seeded(rows * 1000 + columns);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return float32([matrices, rows, columns], Float32Array.from({ length: matrices * rows * columns }, normal));
}

async function orthogonal(stack: ReturnType<typeof float32>): Promise<Float32Array> {
  const b = new GraphBuilder();
  b.output('x', orthogonalize(b, b.input('stack', 'float32', stack.shape)));
  await using program = await Program.load(b.build(), { threads: 1 });
  return (await program.run({ stack })).x.data as Float32Array;
}

/** The smaller Gram matrix of X [rows, columns], as rows. */
function gram(x: Float32Array, rows: number, columns: number): Float64Array[] {
  const size = Math.min(rows, columns);
  const at = (i: number, k: number) => (rows <= columns ? x[i * columns + k] : x[k * columns + i]);
  return Array.from({ length: size }, (_, i) =>
    Float64Array.from({ length: size }, (_, j) => {
      let sum = 0;
      for (let k = 0; k < Math.max(rows, columns); k++) sum += at(i, k) * at(j, k);
      return sum;
    }),
  );
}

/** Eigenvalues of a symmetric matrix, by Jacobi rotations until what is off the diagonal has vanished. */
function eigenvalues(a: Float64Array[]): number[] {
  const n = a.length;
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) < 1e-12) continue;
        const angle = 0.5 * Math.atan2(2 * a[p][q], a[q][q] - a[p][p]);
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k][p], a[k][q]];
          a[k][p] = c * x - s * y;
          a[k][q] = s * x + c * y;
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p][k], a[q][k]];
          a[p][k] = c * x - s * y;
          a[q][k] = s * x + c * y;
        }
      }
    }
  }
  return a.map((row, i) => row[i]);
}

describe('orthogonalize', () => {
  it.each([
    ['square', 24, 24],
    ['wide', 16, 48],
    ['tall', 48, 16],
    ['a row', 1, 32],
  ])('brings all singular values of a %s matrix near 1', async (_, rows, columns) => {
    const matrices = 3;
    const x = await orthogonal(randomStack(matrices, rows, columns));
    const size = rows * columns;
    for (let n = 0; n < matrices; n++) {
      const squares = eigenvalues(gram(x.subarray(n * size, (n + 1) * size), rows, columns));
      expect(Math.sqrt(Math.min(...squares))).toBeGreaterThan(0.6);
      expect(Math.sqrt(Math.max(...squares))).toBeLessThan(1.3);
    }
  });

  it('treats each matrix of a stack by itself, whatever its scale', async () => {
    const [rows, columns] = [8, 12];
    const stack = randomStack(2, rows, columns);
    const together = await orthogonal(stack);
    const scaled = float32(
      [1, rows, columns],
      stack.data.subarray(rows * columns).map((value) => 1000 * value),
    );
    const alone = await orthogonal(scaled);
    alone.forEach((value, i) => {
      expect(value).toBeCloseTo(together[rows * columns + i], 4);
    });
  });
});

describe('Muon', () => {
  it('moves matrices of layers by orthogonal steps and leaves the rest to AdamW', async () => {
    const names = ['model.embed_tokens.weight', 'layer.weight', 'norm.weight'];
    const shapes = [[6, 4], [4, 4], [4]];
    const parameters = new Map(
      names.map((name, i) => [name, float32(shapes[i], new Float32Array(shapes[i].reduce((a, b) => a * b)))]),
    );
    const muon = await Muon.create(parameters, names, {}, { threads: 1 });
    try {
      const gradients = new Map(
        names.map((name) => {
          const random = seeded(name.length);
          return [name, parameters.get(name)!.data.map(() => random() - 0.5)];
        }),
      );
      await muon.update({ parameters, gradients, step: 1, learningRate: 0.01, scale: 1 });
      expect([...muon.state.keys()].sort()).toEqual([
        'adamw.first.model.embed_tokens.weight',
        'adamw.first.norm.weight',
        'adamw.second.model.embed_tokens.weight',
        'adamw.second.norm.weight',
        'muon.layer.weight',
      ]);
      // AdamW's first step has the size of the learning rate in every element.
      for (const name of [names[0], names[2]])
        for (const value of parameters.get(name)!.data) expect(Math.abs(value)).toBeCloseTo(0.01, 6);
      const step = parameters.get('layer.weight')!.data;
      const squares = eigenvalues(gram(step, 4, 4)).map((square) => Math.sqrt(square) / (0.01 * 0.2 * 2));
      expect(Math.min(...squares)).toBeGreaterThan(0.6);
      expect(Math.max(...squares)).toBeLessThan(1.3);
    } finally {
      await muon.dispose();
    }
  });
});
