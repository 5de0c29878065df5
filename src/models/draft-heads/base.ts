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
  /** Longest context of the model, in tokens. */
  contextLength: number;
  /** [hidden, hidden] From the program's basis to the checkpoint's own. */
  basis: Float32Array;
  /** Weight of the norm before the output head [hidden]. */
  finalNorm: Float32Array;
  /** Rows of the output head for the draft's tokens [tokens, hidden]. */
  head: Float32Array;
  /** Embeddings of all tokens [vocab, hidden]. */
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
  const { hiddenSize, normEpsilon, contextLength } = config;
  // Only where there is a disk.
  const { openCheckpoint } = await import('../../weights/checkpoint.ts');
  const checkpoint = await openCheckpoint(path);
  try {
    const plain = new LlamaWeights(config, checkpoint, false);
    const finalNorm = await plain.finalNorm();
    const embedding = await plain.embedding();
    const table = config.tiedEmbeddings ? embedding : await plain.head(finalNorm);
    const head = tableRows(table, tokens, hiddenSize);
    const { rotations } = new LlamaWeights(config, checkpoint, precision !== 'fp32');
    const basis = new Float32Array(hiddenSize * hiddenSize);
    // Rows of states in the program's basis are x Q with a rotation Q.
    const rotation = rotations?.residual.matrix();
    for (let row = 0; row < hiddenSize; row++)
      for (let column = 0; column < hiddenSize; column++)
        basis[row * hiddenSize + column] = rotation
          ? rotation[column * hiddenSize + row]
          : Number(row === column);
    return { hiddenSize, normEpsilon, contextLength, basis, finalNorm, head, embedding };
  } finally {
    await checkpoint.close();
  }
}

/** States [.., hidden] in the checkpoint's own basis. */
export function ownBasis(b: GraphBuilder, { hiddenSize: d, basis }: DraftBase, states: Value): Value {
  return b.matmul(states, b.constant(float32([d, d], basis)));
}

/** What the output head reads [.., hidden], of states in the checkpoint's own basis: RMS norm. */
export function finalNorm(
  b: GraphBuilder,
  { hiddenSize, normEpsilon, finalNorm }: DraftBase,
  x: Value,
): Value {
  return b.rmsNorm(x, b.constant(float32([hiddenSize], finalNorm)), normEpsilon);
}

/** The final hidden state [.., hidden], which the output head reads, of states in the program's basis. */
export const finalHidden = (b: GraphBuilder, base: DraftBase, states: Value): Value =>
  finalNorm(b, base, ownBasis(b, base, states));
