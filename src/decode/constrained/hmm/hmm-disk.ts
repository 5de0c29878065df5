/** Hidden Markov models on disk. */

import { saveFacts } from '../../../weights/fact-folder-disk.ts';
import { findFolder } from '../../../weights/source-local.ts';
import type { Hmm } from './hmm.ts';
import { hmmKind, readHmm } from './hmm-file.ts';

/** As `readHmm`, on this machine. */
export const openHmm = (id: string): Promise<Hmm> => readHmm(id, findFolder);

/** Writes a model into a folder; throws as `saveFacts`. */
export const saveHmm = (folder: string, hmm: Hmm): Promise<void> => saveFacts(folder, hmmKind, hmm);
