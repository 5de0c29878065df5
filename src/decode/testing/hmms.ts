/** Random hidden Markov models on disk. Test support. */

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveHmm } from '../constrained/hmm/hmm-disk.ts';
import { randomHmm } from '../constrained/hmm/testing/small-hmm.ts';

/** Path of a new folder with a model for so many tokens. */
export async function savedHmm(vocabulary: number, seed = 3): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quickstep-hmm-'));
  await saveHmm(folder, randomHmm({ states: 6, vocabulary }, seed));
  return folder;
}
