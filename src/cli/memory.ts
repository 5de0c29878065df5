/**
 * How much memory a model takes before it is loaded, from its configuration: the weights in each precision as
 * linear.ts and llama.ts lay them out, and what decoding needs. For a causal model that is the K/V cache of a full
 * context; a masked diffusion model runs prompt and canvas whole and caches nothing, so there it is the activations of
 * one forward. The runtime itself comes on top.
 */

import type { LlamaConfig } from '../models/config.ts';
import { type Precision, precisions } from '../models/linear.ts';
import { spareRows } from '../models/llama.ts';
import { feedForwardWidth, rotationsFor } from '../models/llama-weights.ts';

const float = 4;
const blockSize = 32;

/** Bytes of a matrix [out, inner] in a precision. */
function matrixBytes(out: number, inner: number, precision: Precision): number {
  const values = out * inner;
  if (precision === 'w8a8') return values + out * float;
  if (precision === 'w4' && inner % blockSize === 0) return values / 2 + (values / blockSize) * float;
  return values * float;
}

/** Matrices [out, inner] of one layer, without the router. */
function layerMatrices(config: LlamaConfig): [out: number, inner: number][] {
  const { hiddenSize: d, heads, kvHeads, headDim } = config;
  const ffn = feedForwardWidth(config);
  return [
    [(heads + 2 * kvHeads) * headDim, d],
    [d, heads * headDim],
    [2 * ffn, d],
    [d, ffn],
  ];
}

/** Float32 values of one layer in every precision: norms, biases, the router. */
function layerFloats({
  hiddenSize: d,
  heads,
  kvHeads,
  headDim,
  qkvBias,
  qkNorm,
  experts,
}: LlamaConfig): number {
  const biases = qkvBias ? (heads + 2 * kvHeads) * headDim : 0;
  return 2 * d + biases + (qkNorm ? 2 * headDim : 0) + (experts?.count ?? 0) * d;
}

/** Numbers a checkpoint of this architecture holds. */
export function parameterCount(config: LlamaConfig): number {
  const { layers, vocabSize, hiddenSize: d } = config;
  const matrices = layerMatrices(config).reduce((sum, [out, inner]) => sum + out * inner, 0);
  const tables = (config.tiedEmbeddings ? 1 : 2) * vocabSize * d;
  return layers * (matrices + layerFloats(config)) + tables + d;
}

/** Bytes of all weights of a loaded program. */
export function weightBytes(config: LlamaConfig, precision: Precision): number {
  const { hiddenSize: d, headDim, layers, vocabSize } = config;
  const matrix = (out: number, inner: number) => matrixBytes(out, inner, precision);
  const layer = layerMatrices(config).reduce(
    (sum, [out, inner]) => sum + matrix(out, inner),
    layerFloats(config) * float,
  );
  // The table also looks tokens up: w4 needs it in float32 beside the quantized head.
  const table = precision === 'w8a8' ? matrix(vocabSize, d) : vocabSize * d * float;
  const head = config.tiedEmbeddings && precision !== 'w4' ? 0 : matrix(vocabSize, d);
  const rotary = (config.contextLength + spareRows) * headDim * float;
  const mask = config.maskTokenId === undefined ? 0 : vocabSize * float;
  return layers * layer + table + head + d * float + rotary + mask + rotationBytes(config, precision);
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

/**
 * Bytes of the activations of one forward over `rows` tokens that see each other, every one of them scored: at its
 * widest the program holds three tensors of attention scores [heads, rows, rows], of the feed-forward layer [rows, width]
 * or of logits [rows, vocab] beside the residual stream.
 */
export function activationBytes(config: LlamaConfig, rows: number): number {
  const widest = Math.max(config.heads * rows, feedForwardWidth(config), config.vocabSize);
  return (3 * widest + 2 * config.hiddenSize) * rows * float;
}

/** Tokens of prompt and canvas that memory is told for: many answers fit, and activations grow with the square. */
export function canvasRows({ contextLength }: LlamaConfig): number {
  return Math.min(1024, contextLength);
}

/** Bytes that decoding takes beside the weights: the cache of a full context, or the activations of a canvas. */
export function decodingBytes(config: LlamaConfig): number {
  const { causal, contextLength } = config;
  return causal ? kvBytesPerToken(config) * contextLength : activationBytes(config, canvasRows(config));
}

/** Bytes of weights and decoding, in each precision. */
export function memoryNeeds(config: LlamaConfig): Record<Precision, number> {
  const decoding = decodingBytes(config);
  return Object.fromEntries(
    precisions.map((precision) => [precision, weightBytes(config, precision) + decoding]),
  ) as Record<Precision, number>;
}
