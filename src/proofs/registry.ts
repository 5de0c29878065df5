/** All proofs by slug. A new proof is one import and one entry here. */

import { QuickstepError } from '../errors.ts';
import { arbitrage } from './arbitrage.ts';
import { batchllm } from './batchllm.ts';
import { ccd } from './ccd.ts';
import { clover } from './clover.ts';
import { creditDecoding } from './credit-decoding.ts';
import { decoG } from './deco-g.ts';
import { decodingOnGraphs } from './decoding-on-graphs.ts';
import { dparallel } from './dparallel.ts';
import { draftAlignment } from './draft-alignment.ts';
import { eoserAssCjgrpo } from './eoser-ass-cjgrpo.ts';
import { freedave } from './freedave.ts';
import { grammarAlignedDecoding } from './grammar-aligned-decoding.ts';
import { learn2pd } from './learn2pd.ts';
import { localleap } from './localleap.ts';
import { medusa } from './medusa.ts';
import type { Proof } from './proof.ts';
import { prophet } from './prophet.ts';
import { superposedDecoding } from './superposed-decoding.ts';

const all: readonly Proof[] = [
  freedave,
  prophet,
  creditDecoding,
  localleap,
  ccd,
  eoserAssCjgrpo,
  learn2pd,
  dparallel,
  draftAlignment,
  grammarAlignedDecoding,
  decodingOnGraphs,
  arbitrage,
  superposedDecoding,
  medusa,
  clover,
  decoG,
  batchllm,
];

export const proofs: ReadonlyMap<string, Proof> = new Map(all.map((proof) => [proof.slug, proof]));

/** @throws QuickstepError 'not-found' listing the proofs there are. */
export function findProof(slug: string): Proof {
  const proof = proofs.get(slug);
  if (proof) return proof;
  const hint = `Proofs: ${[...proofs.keys()].join(', ')}.`;
  throw new QuickstepError('not-found', `There is no proof of ${JSON.stringify(slug)}.`, hint);
}
