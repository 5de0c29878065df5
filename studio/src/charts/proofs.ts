/** The checked-in results of the proofs, and of the benchmark of all diffusion decodings; fetched when they are looked at. */

import type { Findings } from '../../../src/proofs/proof.ts';

export interface ProofResult extends Omit<Findings, 'measurements'> {
  measurements: readonly Measured[];
  slug: string;
  claim: string;
  ratio: number;
  threshold: number;
  /** What the ratio is of, as it is read behind the number; without it, forwards are saved. */
  gain?: string;
  holds: boolean;
  model: string;
  seed: number;
  samples: number;
}

/** A decoding over all tasks together. */
export interface DecodingPoint {
  label: string;
  kind: string;
  /** Mean forwards an answer. */
  forwards: number;
  accuracy: number;
}

const results = import.meta.glob<ProofResult>('../../../proofs/results/*.json', { import: 'default' });

/** The result of a paper's proof; undefined where none is checked in. */
export const proofOf = (slug: string): Promise<ProofResult> | undefined =>
  results[`../../../proofs/results/${slug}.json`]?.();

export const allProofs = (): Promise<ProofResult[]> =>
  Promise.all(Object.values(results).map((load) => load()));

interface Measured {
  label: string;
  kind?: string;
  tasks: readonly { samples: number; correct: number; forwards: number }[];
}

/** What a proof's ratio is of. */
export const gainOf = ({ gain = 'times fewer forwards' }: ProofResult): string => gain;

export const savesForwards = (proof: ProofResult): boolean =>
  gainOf(proof).startsWith('times fewer forwards');

/** Mean over the problems of all tasks. */
export function pointOf({ label, kind = '', tasks }: Measured): DecodingPoint {
  const samples = tasks.reduce((sum, task) => sum + task.samples, 0);
  const correct = tasks.reduce((sum, task) => sum + task.correct, 0);
  const forwards = tasks.reduce((sum, task) => sum + task.forwards * task.samples, 0);
  return { label, kind, forwards: forwards / samples, accuracy: correct / samples };
}

export interface DiffusionBenchmark {
  date: string;
  machine: { processor: string; cores: number };
  samples: number;
  seed: number;
  decodings: Measured[];
}

export async function diffusionBenchmark(): Promise<DiffusionBenchmark> {
  const found = await import('../../../bench/results/diffusion-zen4-2core.json');
  return found.default as unknown as DiffusionBenchmark;
}
