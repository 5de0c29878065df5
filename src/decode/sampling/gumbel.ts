/**
 * Sampling by the Gumbel-max trick: argmax(l + τ g) with standard Gumbel g is distributed as softmax(l / τ)
 * (Gumbel 1954; Maddison, Tarlow, Minka 2014). Masked-diffusion samplers draw this way, in double precision: in single
 * precision the noise of rare tokens is cut off, which lowers the temperature unseen (Zheng et al. 2024,
 * "Masked Diffusion Models are Secretly Time-Agnostic Masked Models", arXiv:2409.02908).
 */
import { fillGumbel, type RandomKey } from '../random.ts';

let noise = new Float64Array(0);

/**
 * The token that wins under noise; the lowest id on ties. The same key gives the same token.
 * @param logits `[vocabulary]`
 * @param kept `[vocabulary]` -Infinity for tokens that may not win; all may without it
 */
export function gumbelArgmax(
  logits: Float32Array,
  temperature: number,
  key: RandomKey,
  kept: Float32Array = logits,
): number {
  if (noise.length !== logits.length) noise = new Float64Array(logits.length);
  fillGumbel(key, noise);
  let best = 0;
  let bestValue = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    if (kept[id] === Number.NEGATIVE_INFINITY) continue;
    const value = logits[id] + temperature * noise[id];
    if (value > bestValue) {
      best = id;
      bestValue = value;
    }
  }
  return best;
}
