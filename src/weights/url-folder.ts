/** A folder of model files at an address, for pages: files are fetched whole, bounded in size, and reported as they come. */

import { QuickstepError } from '../errors.ts';
import { type FindFolder, type Folder, memoryFile } from './folder.ts';

/** Far beyond what a page holds in memory. */
const MAX_BYTES = 2 ** 31;

export interface FetchOptions {
  signal?: AbortSignal;
  /** Bytes of the file so far, and of the whole file where the server says so. */
  onProgress?: (progress: { name: string; received: number; total: number | undefined }) => void;
}

/** The file, or undefined when the server has none. */
async function fetchBytes(url: URL, { signal, onProgress }: FetchOptions): Promise<Uint8Array | undefined> {
  const response = await fetch(url, { signal }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    const hint = 'Check the connection and load again.';
    throw new QuickstepError('offline', `${url.href} cannot be reached.`, hint, { cause });
  });
  if (response.status === 404) return undefined;
  if (!response.ok || !response.body) {
    throw new QuickstepError('offline', `${url.href} answers with status ${response.status}.`);
  }
  const announced = Number(response.headers.get('content-length'));
  // A compressed body is longer than its announced length.
  const total = announced > 0 && !response.headers.has('content-encoding') ? announced : undefined;
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  const parts: Uint8Array[] = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    received += value.length;
    if (received > MAX_BYTES || (total !== undefined && received > total)) {
      await reader.cancel();
      throw new QuickstepError('bad-file', `${url.href} is longer than ${total ?? MAX_BYTES} bytes.`);
    }
    parts.push(value);
    onProgress?.({ name, received, total });
  }
  const bytes = new Uint8Array(received);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** @param names Its files, where they are known: nothing else is asked for. Otherwise one file of weights is supposed. */
export function urlFolder(url: URL, options: FetchOptions = {}, names?: readonly string[]): Folder {
  const read = async (name: string) =>
    names && !names.includes(name) ? undefined : fetchBytes(new URL(name, url), options);
  return {
    path: url.href.replace(/\/$/, ''),
    names: async () => names ?? ['model.safetensors'],
    text: async (name) => {
      const bytes = await read(name);
      return bytes && new TextDecoder().decode(bytes);
    },
    open: async (name) => {
      const bytes = await read(name);
      if (bytes) return memoryFile(new URL(name, url).href, bytes);
      throw new QuickstepError('not-found', `There is no ${new URL(name, url).href}.`, 'Check the address.');
    },
  };
}

/** Finds folders by their name below an address; only plain names are looked for. */
export function foldersAt(base: URL): FindFolder {
  return async (id, member) => {
    if (!/^[\w][\w.-]*$/.test(id)) return undefined;
    const folder = urlFolder(new URL(`${id}/`, base));
    return (await folder.text(member)) === undefined ? undefined : folder;
  };
}
