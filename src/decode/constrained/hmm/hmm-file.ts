/** Hidden Markov models on disk: a folder of hmm.json and hmm.safetensors. */

import { type FactKind, openFacts, saveFacts } from '../../../weights/fact-folder.ts';
import { Hmm, type HmmFacts, hmmSchema, hmmShapes } from './hmm.ts';

const kind: FactKind<HmmFacts> = { name: 'hmm', recipe: 'deco-g', schema: hmmSchema, shapes: hmmShapes };

/** Reads a model by the path of its folder, or by its name in the package; throws as `openFacts`. */
export async function openHmm(id: string): Promise<Hmm> {
  const { facts, weights } = await openFacts(id, kind);
  return new Hmm(facts, weights);
}

/** Writes a model into a folder; throws as `saveFacts`. */
export const saveHmm = (folder: string, hmm: Hmm): Promise<void> => saveFacts(folder, kind, hmm);
