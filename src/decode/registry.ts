/** All decoding methods by slug. A new method is one import and one entry here. */

import { QuickstepError } from '../errors.ts';
import { beamSearch } from './baseline/beam.ts';
import { greedy } from './baseline/greedy.ts';
import { sample } from './baseline/sample.ts';
import { decoG } from './constrained/deco-g.ts';
import { decodingOnGraphs } from './constrained/decoding-on-graphs.ts';
import { grammarAlignedDecoding } from './constrained/grammar-aligned-decoding.ts';
import { ccd } from './masked-diffusion/ccd.ts';
import { creditDecoding } from './masked-diffusion/credit-decoding.ts';
import { diffusion } from './masked-diffusion/diffusion.ts';
import { dparallel } from './masked-diffusion/dparallel.ts';
import { eoserAssCjgrpo } from './masked-diffusion/eoser-ass-cjgrpo.ts';
import { freedave } from './masked-diffusion/freedave.ts';
import { learn2pd } from './masked-diffusion/learn2pd.ts';
import { localleap } from './masked-diffusion/localleap.ts';
import { prophet } from './masked-diffusion/prophet.ts';
import { renoise } from './masked-diffusion/renoise.ts';
import type { Method } from './method.ts';
import { arbitrage } from './speculative/arbitrage.ts';
import { clover } from './speculative/clover.ts';
import { draftAlignment } from './speculative/draft-alignment.ts';
import { medusa } from './speculative/medusa.ts';
import { promptLookup } from './speculative/prompt-lookup.ts';
import { superposedDecoding } from './speculative/superposed-decoding.ts';

const all = [
  greedy,
  sample,
  beamSearch,
  promptLookup,
  draftAlignment,
  grammarAlignedDecoding,
  decodingOnGraphs,
  decoG,
  superposedDecoding,
  arbitrage,
  medusa,
  clover,
  diffusion,
  freedave,
  prophet,
  creditDecoding,
  ccd,
  eoserAssCjgrpo,
  localleap,
  learn2pd,
  dparallel,
  renoise,
] as readonly Method[];

export const methods: ReadonlyMap<string, Method> = new Map(all.map((method) => [method.slug, method]));

/** @throws QuickstepError 'not-found' listing the methods there are. */
export function findMethod(slug: string): Method {
  const method = methods.get(slug);
  if (method) return method;
  const hint = `Methods: ${[...methods.keys()].join(', ')}.`;
  throw new QuickstepError('not-found', `There is no decoding method "${slug}".`, hint);
}
