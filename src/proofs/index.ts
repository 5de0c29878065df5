/**
 * Proofs: the claims of papers as experiments at our scale, each against its baseline in one run.
 *
 *   import { findProof, prove } from 'quickstep/proofs';
 *   const { ratio, holds } = await prove(findProof('freedave'), await load('house-diffusion'), { seed: 42 });
 */

export type { Condition, Control, Figures, Findings, Proof, ProofContext } from './proof.ts';
export {
  defaultProofBatch,
  defaultProofSamples,
  type ProveOptions,
  prove,
  type Verdict,
} from './prove.ts';
export { findProof, proofs } from './registry.ts';
