/**
 * Decoding on a canvas once more, as published pseudo-code has it: plain arrays, whole logits, one loop, and none of the
 * engine's parts but its random numbers. Rules of methods are tested against what they come to here. Test support.
 */

import { fillGumbel, uniform } from '../random.ts';
import type { CanvasLogits } from './canvas-model.ts';

/** What a rule of the reference knows of a masked position of the block. */
export interface Opening {
  position: number;
  /** softmax of the guided logits. */
  p: readonly number[];
  /** Most probable token, and the one under noise. */
  top: number;
  token: number;
  /** By the order in use. */
  confidence: number;
}

export interface ReferenceOptions {
  prompt: readonly number[];
  maskId: number;
  /** Lengths of the blocks. */
  blocks: readonly number[];
  order: string;
  temperature: number;
  seed: number;
  cfgScale?: number;
  /** Replaces p, before token and confidence are taken. */
  reshape?(p: readonly number[], position: number, step: number): readonly number[];
  /** Which positions are committed. `masks` counts those of the whole canvas. */
  rule(openings: Opening[], state: { step: number; masks: number; end: number }): readonly Opening[];
}

export const softmaxOf = (logits: ArrayLike<number>): number[] => {
  const top = Math.max(...Array.from(logits));
  const weights = Array.from(logits, (logit) => Math.exp(logit - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
};

export const surest = (openings: readonly Opening[]): Opening[] =>
  openings.toSorted((a, b) => b.confidence - a.confidence || a.position - b.position);

/** Committed positions with their tokens, step by step, in commit order. */
export function referenceCanvas(language: CanvasLogits, o: ReferenceOptions): [number, number][][] {
  const length = o.blocks.reduce((sum, block) => sum + block, 0);
  const { prompt, maskId, temperature, seed, order, cfgScale = 0 } = o;
  const canvas = new Array<number>(length).fill(maskId);
  const open = new Set(canvas.keys());
  const trajectory: [number, number][][] = [];

  function logitsAt(position: number): number[] {
    const row = prompt.length + position;
    const conditional = language([...prompt, ...canvas], row);
    if (cfgScale === 0) return Array.from(conditional);
    const without = language([...prompt.map(() => maskId), ...canvas], row);
    return Array.from(conditional, (l, id) => Math.fround(without[id] + (cfgScale + 1) * (l - without[id])));
  }

  function opening(position: number, step: number): Opening {
    const logits = logitsAt(position);
    const plain = softmaxOf(logits);
    const p = o.reshape?.(plain, position, step) ?? plain;
    const top = plain.indexOf(Math.max(...plain));
    const noise = new Float64Array(logits.length);
    if (temperature > 0) fillGumbel({ seed, stream: 0, step, position }, noise);
    const noisy = p.map((x, id) => Math.log(x) + temperature * noise[id]);
    const token = noisy.indexOf(Math.max(...noisy));
    const [first, second] = p.toSorted((a, b) => b - a);
    const confidences: Record<string, () => number> = {
      low_confidence: () => p[token],
      margin: () => first - second,
      entropy: () => p.reduce((sum, x) => sum + x * Math.log(x + 1e-10), 0),
      random: () => uniform({ seed, stream: 4, step, position }),
    };
    return { position, p, top, token, confidence: confidences[order]() };
  }

  let end = 0;
  for (const block of o.blocks) {
    end += block;
    for (let inBlock = [...open].filter((position) => position < end); inBlock.length > 0; ) {
      const step = trajectory.length;
      const openings = inBlock.map((position) => opening(position, step));
      const chosen = o.rule(openings, { step, masks: open.size, end });
      if (chosen.length === 0) throw new Error('a step that commits nothing');
      for (const { position, token } of chosen) {
        canvas[position] = token;
        open.delete(position);
      }
      trajectory.push(chosen.map(({ position, token }) => [position, token]));
      inBlock = inBlock.filter((position) => open.has(position));
    }
  }
  return trajectory;
}
