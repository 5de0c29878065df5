/** Draft heads on disk. */

import { saveFacts } from '../../weights/fact-folder-disk.ts';
import type { HeadFacts, HeadShapes, HeadWeights } from './file.ts';

/** Writes draft heads into a folder, in half precision. @throws QuickstepError 'no-space' when the disk is full. */
export const saveHeadFile = <F extends HeadFacts>(
  folder: string,
  facts: F,
  shapes: HeadShapes,
  weights: HeadWeights,
): Promise<void> => saveFacts(folder, { name: 'heads', shapes: () => shapes }, { facts, weights }, 'F16');
