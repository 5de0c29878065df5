/**
 * Rotary position embedding tables (Su et al. 2021, arXiv:2104.09864) with Llama 3's frequency scaling.
 * Angles are rounded to float32 where the PyTorch reference rounds them, so long contexts agree with it.
 */

import { type Tensor, tensor } from '../graph/types.ts';
import type { LlamaConfig, RopeScaling } from './config.ts';

/** θ^(-2i/d) for i < d/2, stretched for long contexts. */
export function ropeFrequencies(headDim: number, theta: number, scaling: RopeScaling): Float32Array {
  const frequencies = Float32Array.from(
    { length: headDim / 2 },
    (_, i) => 1 / Math.fround(theta ** ((2 * i) / headDim)),
  );
  if (scaling.type === 'default') return frequencies;
  return frequencies.map((frequency, i) => stretch(frequency, i, scaling));
}

/** Low frequencies are divided by the factor, high ones kept, those between interpolated (Llama 3.1). */
function stretch(
  frequency: number,
  index: number,
  scaling: Exclude<RopeScaling, { type: 'default' }>,
): number {
  if (scaling.type === 'linear') return frequency / scaling.factor;
  if (scaling.type === 'factors') return frequency / (scaling.factors[index] ?? 1);
  const { factor, lowFrequency, highFrequency, originalContext } = scaling;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < originalContext / highFrequency) return frequency;
  if (wavelength > originalContext / lowFrequency) return frequency / factor;
  const smooth = (originalContext / wavelength - lowFrequency) / (highFrequency - lowFrequency);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** cos and sin tables `[positions, headDim/2]`. */
export function ropeTables(config: LlamaConfig, positions: number): { cos: Tensor; sin: Tensor } {
  const frequencies = ropeFrequencies(config.headDim, config.ropeTheta, config.ropeScaling);
  const half = frequencies.length;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos: tensor('float32', [positions, half], cos), sin: tensor('float32', [positions, half], sin) };
}
