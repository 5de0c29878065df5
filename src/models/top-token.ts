/** The head's rows, reduced. */

import type { GraphBuilder } from '../graph/builder.ts';
import { tensor, type Value } from '../graph/types.ts';

/** Sizes of a block, and of a vocabulary from which on blocks are worth their nodes. */
const [smallest, largest] = [64, 1024];
const worthCutting = 4096;

/** The divisor of a vocabulary's size that cuts it into blocks of about as many tokens as there are blocks. */
function blockSize(vocabSize: number): number | undefined {
  if (vocabSize < worthCutting) return undefined;
  let best: number | undefined;
  for (let size = smallest; size <= largest; size++) {
    if (vocabSize % size !== 0) continue;
    if (best === undefined || Math.max(size, vocabSize / size) < Math.max(best, vocabSize / best))
      best = size;
  }
  return best;
}

/**
 * The largest logit of each row [rows, 1] and its token, int64 [rows], the lowest on ties, of logits [rows, vocab]. ONNX
 * Runtime's ArgMax compares one by one and its ReduceMax many at a time: so the largest of each block first, then the block,
 * then the place in it.
 */
export function topToken(b: GraphBuilder, logits: Value): { top: Value; token: Value } {
  const [rows, vocab] = logits.shape as [Value['shape'][number], number];
  const size = blockSize(vocab);
  if (size === undefined) return { top: b.reduceMax(logits, [1]), token: b.argMax(logits, 1) };
  const int64 = (values: number[]) =>
    b.constant(tensor('int64', [values.length], BigInt64Array.from(values, BigInt)));
  const tops = b.reduceMax(b.reshape(logits, [rows, vocab / size, size]), [2], false);
  const start = b.mul(b.argMax(tops, 1, true), int64([size]));
  const block = b.gatherElements(logits, b.add(start, int64([...Array(size).keys()])));
  const token = b.add(b.reshape(start, [rows]), b.argMax(block, 1));
  return { top: b.reduceMax(tops, [1]), token };
}
