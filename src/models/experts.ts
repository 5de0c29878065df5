/**
 * Mixture of experts (Shazeer et al. 2017, arXiv:1701.06538) as one wide feed-forward layer. The router's
 * probabilities p = softmax(W_r x) of the k likeliest experts weigh their outputs, without being normalized again
 * (LLaDA-MoE), and with h_e the gated activations of expert e
 *   y = Σ_e w_e D_e h_e = [D_1 … D_E] [w_1 h_1; …; w_E h_E],  w_e = p_e for the chosen and 0 for the others,
 * so that all experts share two products. Those a token does not choose are computed too: a tensor program has no
 * rows whose number depends on data. The rows of a canvas choose most experts between them, but each row costs
 * E / k times the products it would need.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import { float32, type Value } from '../graph/types.ts';
import type { LlamaConfig } from './config.ts';

/**
 * The weighted activations [lanes, rows, experts · intermediate].
 * @param h gated activations of all experts, of the same shape
 * @param x what the feed-forward layer reads [lanes, rows, hidden]
 * @param router [experts, hidden]; its product is float32 in every precision, as an expert is chosen or not
 */
export function weightByRouter(
  b: GraphBuilder,
  { intermediateSize, experts, hiddenSize }: LlamaConfig,
  h: Value,
  x: Value,
  router: Float32Array,
): Value {
  const { count, chosen } = experts!;
  const [lanes, rows, width] = h.shape;
  // A scale other than 1 keeps ONNX Runtime off its one-row kernels, which add up in another order.
  const doubled = b.constant(
    float32(
      [count, hiddenSize],
      router.map((weight) => 2 * weight),
    ),
  );
  const [top, indices] = b.topK(b.softmax(b.matmul(x, doubled, { transposeB: true, scale: 0.5 })), chosen);
  const weights = b.reshape(b.scatterElements(indices, top, count), [lanes, rows, count, 1]);
  const perExpert = b.reshape(h, [lanes, rows, count, intermediateSize]);
  return b.reshape(b.mul(perExpert, weights), [lanes, rows, width]);
}
