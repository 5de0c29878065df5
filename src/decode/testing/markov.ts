/** A random language: the logits of a token depend on the two before it, and on nothing else. Test support. */

import { normal } from '../random.ts';
import type { NextLogits } from './cached-context.ts';

/** @param scale Standard deviation of the logits: the larger, the more the language repeats itself. */
export function markovModel(seed: number, vocabulary: number, scale = 2): NextLogits {
  return (context) => {
    const [last, before = 0] = context.slice(-2).reverse();
    return Float32Array.from({ length: vocabulary }, (_, position) =>
      Math.fround(scale * normal({ seed, stream: 100 + last, step: before, position })),
    );
  };
}
