/** Filters on disk. */

import { saveFacts } from '../../weights/fact-folder-disk.ts';
import { findFolder } from '../../weights/source-local.ts';
import type { ConfidenceFilter } from './confidence-filter.ts';
import { filterKind, readFilter } from './confidence-filter-file.ts';

/** As `readFilter`, on this machine. */
export const openFilter = (id: string): Promise<ConfidenceFilter> => readFilter(id, findFolder);

/** Writes a filter into a folder; throws as `saveFacts`. */
export const saveFilter = (folder: string, filter: ConfidenceFilter): Promise<void> =>
  saveFacts(folder, filterKind, filter);
