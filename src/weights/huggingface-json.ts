/**
 * The JSON and text files beside the weights of a Hugging Face folder: bounded in size, `undefined` when absent,
 * `bad-file` when they are not what they should be.
 */

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { QuickstepError } from '../errors.ts';

/** The largest tokenizer.json files (256k tokens with merges) are under 40 MB. */
const MAX_BYTES = 128 * 1024 * 1024;

/** Text of `folder/name`, or undefined when there is no such file. Throws `bad-file` when it is too large. */
export async function readText(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  if (found.size > MAX_BYTES) {
    throw new QuickstepError('bad-file', `"${path}" has ${found.size} bytes, at most ${MAX_BYTES} are read.`);
  }
  return readFile(path, 'utf8');
}

/** The JSON object in `folder/name`, or undefined when there is no such file. Throws `bad-file` for anything else. */
export async function readJson(folder: string, name: string): Promise<Record<string, unknown> | undefined> {
  const text = await readText(folder, name);
  if (text === undefined) return undefined;
  const path = join(folder, name);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new QuickstepError('bad-file', `"${path}" is not valid JSON.`, 'Fetch it again.', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new QuickstepError('bad-file', `"${path}" is not a JSON object.`, 'Fetch it again.');
  }
  return parsed as Record<string, unknown>;
}
