/**
 * Fetches a model from the Hugging Face hub or a mirror that speaks its API.
 * Listing: `GET /api/models/<id>?blobs=true` gives the commit, names, sizes and checksums (SHA-256 for large
 * files, git blob ids for small ones); files: `GET /<id>/resolve/<commit>/<file>`, so that one pull never mixes
 * two versions. Everything in the listing is untrusted: only plain names at the root are ever asked for.
 */

import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { incomingFolder, modelFolder } from './cache-folder.ts';
import { fetchFile } from './fetch-file.ts';
import { type Digest, requireSpace } from './fetch-partial.ts';
import { DEFAULT_TIMEOUTS, type HttpOptions, type HttpReply, httpGet } from './fetch-request.ts';
import { type HubId, isPlainName } from './known-models.ts';
import { type PullProgress, trackProgress } from './pull-progress.ts';

const maxListingBytes = 8 * 2 ** 20;
const maxFiles = 10_000;

const listingSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z
    .array(
      z.object({
        rfilename: z.string().max(1000),
        size: z.number().int().nonnegative().nullish(),
        blobId: z.string().nullish(),
        lfs: z.object({ sha256: z.string().nullish() }).nullish(),
      }),
    )
    .max(maxFiles),
});

interface HubFile {
  name: string;
  size: number | undefined;
  digest: Digest | undefined;
}

export interface HubPullOptions extends Pick<HttpOptions, 'signal' | 'timeouts'> {
  /** Default `$HF_ENDPOINT`, else the public hub. */
  endpoint?: string;
  onProgress?: (progress: PullProgress) => void;
}

const wantedText = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
]);
/** In place of tokenizer.json in repositories that have none (Dream). */
const olderTokenizer = ['vocab.json', 'merges.txt'];

/**
 * The files of a repository that make a model: its configuration, tokenizer and safetensors. Repositories that
 * hold a second copy of the weights (`consolidated.safetensors`, adapters) give only the `model*.safetensors`.
 */
export function wantedFiles(names: readonly string[]): string[] {
  const plain = [...new Set(names)].filter(isPlainName);
  const weights = plain.filter((name) => name.endsWith('.safetensors'));
  const standard = weights.filter((name) => /^model(-\d+-of-\d+)?\.safetensors$/.test(name));
  const chosen = standard.length > 0 ? standard : weights;
  const index = plain.filter((name) => name.endsWith('.safetensors.index.json'));
  const older = plain.includes('tokenizer.json') ? [] : olderTokenizer;
  const wanted = new Set([...wantedText, ...older, ...index, ...chosen]);
  return plain.filter((name) => wanted.has(name));
}

/** The hub's address without a trailing slash. @throws QuickstepError `bad-option` when it is no http(s) URL. */
export function hubEndpoint(endpoint = process.env.HF_ENDPOINT || 'https://huggingface.co'): string {
  if (!/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) {
    throw new QuickstepError(
      'bad-option',
      `HF_ENDPOINT ${JSON.stringify(endpoint)} is not an http(s) address.`,
      'Set it to one such as https://hub.example.org, or unset it.',
    );
  }
  return endpoint.replace(/\/+$/, '');
}

function statusError(id: string, endpoint: string, reply: HttpReply): QuickstepError {
  const { host } = new URL(endpoint);
  const reason = reply.headers.get('x-error-code');
  if (reason === 'GatedRepo' || reply.status === 403) {
    return new QuickstepError(
      'unsupported',
      `${id} is gated: ${host} answered ${reply.status}.`,
      `Accept its terms at ${endpoint}/${id}, make an access token there and set HF_TOKEN to it.`,
    );
  }
  if (reply.status === 404 || reply.status === 401) {
    return new QuickstepError(
      'not-found',
      `${host} has no public model ${id} (${reply.status}).`,
      'Check the spelling of owner/name; for a private model set HF_TOKEN.',
    );
  }
  return new QuickstepError('offline', `${host} answered ${reply.status} for ${id}. Try again later.`);
}

function digestOf(sha256: string | null | undefined, blobId: string | null | undefined): Digest | undefined {
  if (sha256 && /^[0-9a-f]{64}$/.test(sha256)) return { algorithm: 'sha256', hex: sha256 };
  if (blobId && /^[0-9a-f]{40}$/.test(blobId)) return { algorithm: 'git-sha1', hex: blobId };
  return undefined;
}

async function listing(
  id: string,
  endpoint: string,
  http: HttpOptions,
): Promise<{ commit: string; files: HubFile[] }> {
  const reply = await httpGet(`${endpoint}/api/models/${id}?blobs=true`, http);
  if (reply.status !== 200) {
    reply.close();
    throw statusError(id, endpoint, reply);
  }
  const text = await reply.text(maxListingBytes);
  const parsed = z.string().transform(parseJson).pipe(listingSchema).safeParse(text);
  if (!parsed.success) {
    throw new QuickstepError(
      'bad-file',
      `${new URL(endpoint).host} did not answer with a listing of ${id}.`,
      'Is HF_ENDPOINT a Hugging Face hub? A login page of the network also looks like this.',
      { cause: parsed.error },
    );
  }
  const files = parsed.data.siblings.map(({ rfilename, size, blobId, lfs }) => ({
    name: rfilename,
    size: size ?? undefined,
    // A git blob id covers an LFS pointer, not the file behind it, and needs the size.
    digest: digestOf(lfs?.sha256, lfs || typeof size !== 'number' ? undefined : blobId),
  }));
  return { commit: parsed.data.sha, files };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Picks what to fetch, or says why there is nothing. */
function choose(id: string, { file }: HubId, files: readonly HubFile[]): HubFile[] {
  const names = files.map(({ name }) => name);
  const ggufs = names.filter((name) => isPlainName(name) && name.toLowerCase().endsWith('.gguf'));
  const wanted = new Set(file === undefined ? wantedFiles(names) : ggufs.filter((name) => name === file));
  const hasWeights = [...wanted].some((name) => /\.(safetensors|gguf)$/i.test(name));
  if (!hasWeights || (file === undefined && !wanted.has('config.json'))) {
    const repository = file === undefined ? id : id.slice(0, -file.length - 1);
    throw new QuickstepError(
      file === undefined ? 'unsupported' : 'not-found',
      file === undefined
        ? `${id} has no config.json with *.safetensors files.`
        : `${repository} has no file ${file}.`,
      ggufs.length > 0
        ? `It has GGUF files; name one: ${ggufs
            .slice(0, 20)
            .map((name) => `${repository}/${name}`)
            .join(', ')}.`
        : 'Quickstep reads safetensors and GGUF; choose another repository.',
    );
  }
  // Duplicates cannot come through: the first listing of a name wins.
  return [...wanted].map((name) => files.find((candidate) => candidate.name === name)!);
}

/** Bytes still to come, given what earlier tries left behind. */
async function missingBytes(incoming: string, files: readonly HubFile[]): Promise<number> {
  let missing = 0;
  for (const { name, size = 0 } of files) {
    const path = join(incoming, name);
    const present = (await stat(`${path}.partial`).catch(() => stat(path).catch(() => undefined)))?.size ?? 0;
    missing += Math.max(0, size - present);
  }
  return missing;
}

/**
 * Fetches a hub model into the cache. The caller holds the model's lock.
 * @returns the model's folder, or its file for `owner/name/file.gguf`.
 * @throws QuickstepError `offline`, `not-found`, `unsupported` (gated, no usable weights), `bad-file` (not a hub),
 *   `checksum`, `no-space`; the signal's reason when aborted, keeping what arrived for the next try.
 */
export async function pullFromHub(cache: string, hubId: HubId, options: HubPullOptions): Promise<string> {
  const endpoint = hubEndpoint(options.endpoint);
  const repository = `${hubId.owner}/${hubId.name}`;
  const id = hubId.file === undefined ? repository : `${repository}/${hubId.file}`;
  const token = process.env.HF_TOKEN?.trim();
  const { signal, timeouts = DEFAULT_TIMEOUTS } = options;
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const http: HttpOptions = { headers, signal, timeouts };

  const { commit, files } = await listing(repository, endpoint, http);
  const chosen = choose(id, hubId, files);
  const incoming = incomingFolder(cache, 'hub', hubId);
  await requireSpace(incoming, await missingBytes(incoming, chosen));

  const report = trackProgress(chosen, options.onProgress);
  for (const { name, size, digest } of chosen) {
    const url = `${endpoint}/${repository}/resolve/${commit}/${encodeURIComponent(name)}`;
    await fetchFile(url, join(incoming, name), {
      ...http,
      // The hub has answered once; one slow answer must not end a pull of many gigabytes.
      timeouts: { ...timeouts, connectMs: timeouts.idleMs },
      size,
      digest,
      onBytes: (loaded) => report(name, loaded),
      onStatus: (reply) => statusError(repository, endpoint, reply),
    });
  }

  const folder = modelFolder(cache, 'hub', hubId);
  await mkdir(folder, { recursive: true });
  // config.json last: only with it does the folder count as a whole model.
  const order = chosen.map(({ name }) => name).filter((name) => name !== 'config.json');
  if (hubId.file === undefined) order.push('config.json');
  for (const name of order) await rename(join(incoming, name), join(folder, name));
  await rm(incoming, { recursive: true, force: true });
  return hubId.file === undefined ? folder : join(folder, hubId.file);
}
