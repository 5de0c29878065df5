/**
 * How much memory a model takes before it is loaded, from its configuration: the weights in each precision as
 * linear.ts and llama.ts lay them out, and the K/V cache. Activations and the runtime itself come on top.
 */

import type { LlamaConfig } from '../models/config.ts';
import { type Precision, precisions } from '../models/linear.ts';
import { rotationsFor } from '../models/llama-weights.ts';

const float = 4;
const blockSize = 32;

/** Bytes of a matrix [out, inner] in a precision. */
function matrixBytes(out: number, inner: number, precision: Precision): number {
  const values = out * inner;
  if (precision === 'w8a8') return values + out * float;
  if (precision === 'w4' && inner % blockSize === 0) return values / 2 + (values / blockSize) * float;
  return values * float;
}

/** Bytes of all weights of a loaded program. */
export function weightBytes(config: LlamaConfig, precision: Precision): number {
  const { hiddenSize: d, intermediateSize: ffn, heads, kvHeads, headDim, layers, vocabSize } = config;
  const matrix = (out: number, inner: number) => matrixBytes(out, inner, precision);
  const layer =
    matrix((heads + 2 * kvHeads) * headDim, d) +
    matrix(d, heads * headDim) +
    matrix(2 * ffn, d) +
    matrix(d, ffn) +
    2 * d * float;
  // The table also looks tokens up: w4 needs it in float32 beside the quantized head.
  const table = precision === 'w8a8' ? matrix(vocabSize, d) : vocabSize * d * float;
  const head = config.tiedEmbeddings && precision !== 'w4' ? 0 : matrix(vocabSize, d);
  const rotary = config.contextLength * headDim * float;
  return layers * layer + table + head + d * float + rotary + rotationBytes(config, precision);
}

/** Bytes of the matrices that change the basis of a quantized program. */
function rotationBytes(config: LlamaConfig, precision: Precision): number {
  if (precision === 'fp32') return 0;
  const { feedForward } = rotationsFor(config);
  const residual = config.tiedEmbeddings ? 2 * config.hiddenSize ** 2 : config.hiddenSize ** 2;
  return (residual + feedForward.size ** 2) * float;
}

/** Bytes of cached keys and values of one token, in all layers. */
export function kvBytesPerToken({ layers, kvHeads, headDim }: LlamaConfig): number {
  return layers * 2 * kvHeads * headDim * float;
}

/** Bytes of weights and a full context, in each precision. */
export function memoryNeeds(config: LlamaConfig): Record<Precision, number> {
  const cache = kvBytesPerToken(config) * config.contextLength;
  return Object.fromEntries(
    precisions.map((precision) => [precision, weightBytes(config, precision) + cache]),
  ) as Record<Precision, number>;
}
