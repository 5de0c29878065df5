/** Filters as folders of filter.json and filter.safetensors. */

import { type FactKind, readFacts } from '../../weights/fact-folder.ts';
import type { FindFolder } from '../../weights/folder.ts';
import { ConfidenceFilter, type FilterFacts, filterSchema, filterShapes } from './confidence-filter.ts';

export const filterKind: FactKind<FilterFacts> = {
  name: 'filter',
  recipe: 'learn2pd',
  schema: filterSchema,
  shapes: filterShapes,
};

/** Reads a filter by the path of its folder, or by its name in the package; throws as `readFacts`. */
export async function readFilter(id: string, findFolder: FindFolder): Promise<ConfidenceFilter> {
  const { facts, weights } = await readFacts(id, filterKind, findFolder);
  return new ConfidenceFilter(facts, weights);
}
