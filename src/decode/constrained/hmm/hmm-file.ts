/** Hidden Markov models as folders of hmm.json and hmm.safetensors. */

import { type FactKind, readFacts } from '../../../weights/fact-folder.ts';
import type { FindFolder } from '../../../weights/folder.ts';
import { Hmm, type HmmFacts, hmmSchema, hmmShapes } from './hmm.ts';

export const hmmKind: FactKind<HmmFacts> = {
  name: 'hmm',
  recipe: 'deco-g',
  schema: hmmSchema,
  shapes: hmmShapes,
};

/** Reads a model by the path of its folder, or by its name in the package; throws as `readFacts`. */
export async function readHmm(id: string, findFolder: FindFolder): Promise<Hmm> {
  const { facts, weights } = await readFacts(id, hmmKind, findFolder);
  return new Hmm(facts, weights);
}
