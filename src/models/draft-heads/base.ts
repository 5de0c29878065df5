/**
 * What draft heads share with the model they draft for: how its states become what its output head reads, and rows of
 * that head and of its embedding, so that a file of heads holds none of the three.
 */

import { QuickstepError } from '../../errors.ts';
import type { GraphBuilder } from '../../graph/builder.ts';
import { float32, type Value } from '../../graph/types.ts';
import type { LanguageModel } from '../language-model.ts';
import { LlamaWeights } from '../llama-weights.ts';

export interface DraftBase {
  hiddenSize: number;
  normEpsilon: number;
  /** [hidden, hidden] From normed states to what the output head reads, in the checkpoint's own basis. */
  basis: Float32Array;
  /** Rows of the output head for the draft's tokens [tokens, hidden]. */
  head: Float32Array;
  /** Embeddings of the draft's tokens [tokens, hidden]; those of `head` where the model ties them. */
  embedding: Float32Array;
}

/** Rows of a table [.., width] by number. */
export function tableRows(table: Float32Array, ids: readonly number[], width: number): Float32Array {
  const rows = new Float32Array(ids.length * width);
  for (const [n, id] of ids.entries()) rows.set(table.subarray(id * width, (id + 1) * width), n * width);
  return rows;
}

/**
 * Reads a loaded model's checkpoint again for what heads over these tokens share with it.
 * @throws QuickstepError 'unsupported' for a model that was not loaded from a checkpoint, 'bad-file' for a damaged one.
 */
export async function readDraftBase(
  { id, path, config, precision }: LanguageModel,
  tokens: readonly number[],
): Promise<DraftBase> {
  if (path === undefined) {
    const hint = 'Save it as a checkpoint, and load that.';
    throw new QuickstepError('unsupported', `${id} has no checkpoint that heads could read.`, hint);
  }
  const { hiddenSize, normEpsilon } = config;
  // Only where there is a disk.
  const { openCheckpoint } = await import('../../weights/checkpoint.ts');
  const checkpoint = await openCheckpoint(path);
  try {
    const plain = new LlamaWeights(config, checkpoint, false);
    const gamma = await plain.finalNorm();
    const embedding = tableRows(await plain.embedding(), tokens, hiddenSize);
    const head = config.tiedEmbeddings ? embedding : tableRows(await plain.head(gamma), tokens, hiddenSize);
    const { rotations } = new LlamaWeights(config, checkpoint, precision !== 'fp32');
    const basis = new Float32Array(hiddenSize * hiddenSize);
    // x Qᵀ diag(γ) with a rotation Q, x diag(γ) without.
    const rotation = rotations?.residual.matrix();
    for (let row = 0; row < hiddenSize; row++)
      for (let column = 0; column < hiddenSize; column++) {
        const turned = rotation ? rotation[column * hiddenSize + row] : Number(row === column);
        basis[row * hiddenSize + column] = turned * gamma[column];
      }
    return { hiddenSize, normEpsilon, basis, head, embedding };
  } finally {
    await checkpoint.close();
  }
}

/** The final hidden state [.., hidden], which the output head reads, of states in the program's basis. */
export function finalHidden(
  b: GraphBuilder,
  { hiddenSize: d, normEpsilon, basis }: Omit<DraftBase, 'head' | 'embedding'>,
  states: Value,
): Value {
  const normed = b.rmsNorm(states, b.constant(float32([d], new Float32Array(d).fill(1))), normEpsilon);
  return b.matmul(normed, b.constant(float32([d, d], basis)));
}
