/**
 * Opens the tiny checkpoints of this folder and their PyTorch results; made by tools/golden_models.py and
 * tools/golden_mdlm.py. The folder llada-8b has the configuration of the published model and no weights.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What transformers computes for one checkpoint in float32. */
export interface ModelGolden {
  ids: number[];
  /** Rows [vocab] at these positions. */
  logits: { positions: number[]; values: number[][] };
  /** The residual stream at one position: before the first layer and after each, [layers + 1][hidden]. */
  hidden: { position: number; values: number[][] };
  /** Logits [vocab] of the residual stream after so many layers. */
  early: { layers: number; position: number; values: number[] };
  /** Probabilities [heads][ids] of the last row, in this layer (from 0). */
  attention: { layer: number; values: number[][] };
  /** Greedy continuation of the first `prompt` ids. */
  greedy: { prompt: number; ids: number[] };
  /** Logits with every row seeing every other (within the window, if there is one). */
  bidirectional: { positions: number[]; values: number[][] };
}

/** The checkpoint folders: one for each architecture and feature. */
export const goldenNames = [
  'llama',
  'llama-wide-heads',
  'llama-multi-head',
  'llama3-rope',
  'linear-rope',
  'mistral',
  'qwen2',
  'qwen3',
] as const;

/** What the modelling code of a masked diffusion model computes for one checkpoint in float32, every row seeing every other. */
export interface MaskedModelGolden {
  mask: number;
  /** Some of them are the mask. */
  ids: number[];
  /** Rows [vocab] at these positions, before any shift. */
  logits: { positions: number[]; values: number[][] };
  /** The likeliest token at each position of a canvas of masks behind the prompt, after the shift if the model has one. */
  canvas: { prompt: number[]; tokens: number[] };
}

/** The masked diffusion models, each as a folder and as `<name>.gguf`. */
export const maskedModelNames = ['llada', 'llada-moe', 'dream'] as const;

/** Path of a file or folder in this folder. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** A parsed `<name>.golden.json`. */
export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(fixture(`${name}.golden.json`), 'utf8')) as T;
}
