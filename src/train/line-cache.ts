/**
 * What a recipe generates before its first step, kept in the run's folder as JSON Lines: the first line says what made
 * the others, so that another teacher's are not taken for this one's. An interrupted run goes on behind the last line.
 */

import { appendFile, readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { replaceFile, writeError } from '../weights/replace-file.ts';

export interface LineCacheOptions<T> {
  /** Where the lines are kept; without a path they are made anew. */
  path?: string;
  /** Everything the lines depend on, beside their number. */
  identity: Readonly<Record<string, string | number>>;
  /** Lines wanted. */
  count: number;
  /** Lines made at once, and lost at worst. */
  batch: number;
  schema: z.ZodType<T>;
  /** Lines number `first` to `end`, the last not among them; a function of the numbers and the identity alone. */
  make(first: number, end: number): Promise<T[]>;
  onProgress?(done: number, total: number): void;
}

/** The valid lines behind a header that says the same; a line that was cut off, and all behind it, do not count. */
async function readLines<T>(path: string, header: string, schema: z.ZodType<T>): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const [first, ...rest] = text.split('\n');
  const lines: T[] = [];
  if (first !== header) return lines;
  for (const line of rest) {
    try {
      lines.push(schema.parse(JSON.parse(line)));
    } catch {
      break;
    }
  }
  return lines;
}

/**
 * Lines 0 to `count`, from the cache as far as it goes.
 * @throws QuickstepError 'no-space' when the disk is full; what `make` throws.
 */
export async function cachedLines<T>(options: LineCacheOptions<T>): Promise<T[]> {
  const { path, identity, count, batch, schema, make, onProgress } = options;
  const header = JSON.stringify(identity);
  const lines = path === undefined ? [] : await readLines(path, header, schema);
  const text = (part: readonly T[]) => part.map((line) => `${JSON.stringify(line)}\n`).join('');
  try {
    if (path !== undefined && lines.length < count) {
      // Without a half line at its end, and without those of another identity.
      await replaceFile(path, (handle) => handle.writeFile(`${header}\n${text(lines)}`));
    }
    while (lines.length < count) {
      onProgress?.(lines.length, count);
      const made = await make(lines.length, Math.min(count, lines.length + batch));
      lines.push(...made);
      if (path !== undefined) await appendFile(path, text(made));
      onProgress?.(lines.length, count);
    }
  } catch (error) {
    throw path === undefined ? error : writeError(error, path);
  }
  return lines.slice(0, count);
}
