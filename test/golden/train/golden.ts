/** Opens PyTorch's numbers for training; made by tools/golden_gradients.py. */

import { readFileSync } from 'node:fs';

/** A weight's gradient: its norm, and its values at some flat indices. */
export interface GradientDigest {
  norm: number;
  indices: number[];
  values: number[];
}

export interface GradientRun {
  loss: number;
  gradients: Record<string, GradientDigest>;
}

/** Weighted cross entropy of one batch of a checkpoint of test/golden/models. */
export interface GradientGolden {
  batch: number;
  rows: number;
  ids: number[];
  targets: number[];
  weights: number[];
  causal: GradientRun;
  bidirectional: GradientRun;
}

/** Each loss on the same rows of logits [rows, vocab]. */
export interface LossGolden {
  rows: number;
  vocab: number;
  logits: number[];
  /** The other distribution of losses of two. */
  other: number[];
  tokens: number[];
  weights: number[];
  advantages: number[];
  oldLogProbabilities: number[];
  losses: Record<string, { terms: number[]; loss: number; gradient: number[] }>;
}

type Named = Record<string, number[]>;

/** Gradients fed to torch.optim.AdamW and the parameters after each step. */
export interface AdamWGolden {
  options: { beta1: number; beta2: number; epsilon: number; weightDecay: number };
  shapes: Named;
  start: Named;
  steps: { learningRate: number; gradients: Named; parameters: Named }[];
}

interface Files {
  gradients: Record<string, GradientGolden>;
  losses: LossGolden;
  adamw: AdamWGolden;
}

/** A parsed `<name>.golden.json`. */
export function trainingGolden<K extends keyof Files>(name: K): Files[K] {
  return JSON.parse(readFileSync(new URL(`${name}.golden.json`, import.meta.url), 'utf8')) as Files[K];
}
