/** Filters on disk: a folder of filter.json and filter.safetensors. */

import { type FactKind, openFacts, saveFacts } from '../../weights/fact-folder.ts';
import { ConfidenceFilter, type FilterFacts, filterSchema, filterShapes } from './confidence-filter.ts';

const kind: FactKind<FilterFacts> = {
  name: 'filter',
  recipe: 'learn2pd',
  schema: filterSchema,
  shapes: filterShapes,
};

/** Reads a filter by the path of its folder, or by its name in the package; throws as `openFacts`. */
export async function openFilter(id: string): Promise<ConfidenceFilter> {
  const { facts, weights } = await openFacts(id, kind);
  return new ConfidenceFilter(facts, weights);
}

/** Writes a filter into a folder; throws as `saveFacts`. */
export const saveFilter = (folder: string, filter: ConfidenceFilter): Promise<void> =>
  saveFacts(folder, kind, filter);
