/**
 * Arithmetic of one training step. Forward: two operations for each weight of a matrix and each row, padding
 * included, and the two products of attention over all pairs of rows of a sequence (programs compute the hidden half
 * too). Backward: twice that, a product for the input and one for the weight. Norms, softmax, the rest of the
 * elementwise work, the gather of embeddings and the optimizer count as nothing.
 */

import type { LlamaConfig } from '../../src/models/config.ts';

export type ModelShape = Pick<
  LlamaConfig,
  'hiddenSize' | 'intermediateSize' | 'layers' | 'heads' | 'kvHeads' | 'headDim' | 'vocabSize'
>;

/** Sequences of `rows` tokens each. */
export interface BatchShape {
  sequences: number;
  rows: number;
}

/** Weights that multiply every row: all matrices of the layers, and the head. */
export function matrixWeights(model: ModelShape): number {
  const { hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, vocabSize } = model;
  const attention = 2 * (heads + kvHeads) * headDim * hiddenSize;
  return layers * (attention + 3 * hiddenSize * intermediateSize) + vocabSize * hiddenSize;
}

/** Operations of forward and backward over some batches. */
export function stepOperations(model: ModelShape, batches: readonly BatchShape[]): number {
  const { layers, heads, headDim } = model;
  const forward = batches.map(({ sequences, rows }) => {
    const perRow = 2 * matrixWeights(model) + 4 * layers * heads * headDim * rows;
    return perRow * sequences * rows;
  });
  return 3 * forward.reduce((a, b) => a + b, 0);
}

/** One product [m, k] · [k, n] of a step, as the program computes it. */
export interface Product {
  label: string;
  m: number;
  k: number;
  n: number;
  /** Which operand is stored the other way round. */
  transposed: 'none' | 'a' | 'b';
}

/** The products of a model's matrices with `rows` rows, each shape once: forward, gradient of input and of weight. */
export function modelProducts(model: ModelShape, rows: number): Product[] {
  const { hiddenSize, intermediateSize, heads, headDim, vocabSize } = model;
  const matrices = [
    { name: 'query, output', inputs: hiddenSize, outputs: heads * headDim },
    { name: 'gate, up', inputs: hiddenSize, outputs: intermediateSize },
    { name: 'down', inputs: intermediateSize, outputs: hiddenSize },
    { name: 'head', inputs: hiddenSize, outputs: vocabSize },
  ];
  return matrices.flatMap(({ name, inputs, outputs }): Product[] => [
    { label: `${name}: forward`, m: rows, k: inputs, n: outputs, transposed: 'b' },
    { label: `${name}: gradient of the input`, m: rows, k: outputs, n: inputs, transposed: 'none' },
    { label: `${name}: gradient of the weight`, m: outputs, k: rows, n: inputs, transposed: 'a' },
  ]);
}

export const productOperations = ({ m, k, n }: Product): number => 2 * m * k * n;
