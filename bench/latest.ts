/** Reading results files back, for the pages that are made from them. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { QuickstepError } from '../src/errors.ts';

const folder = fileURLToPath(new URL('./results/', import.meta.url));

/** What tells one benchmark's files in bench/results from another's. */
export interface ResultsKind<S extends z.ZodType> {
  readonly schema: S;
  readonly names: RegExp;
  /** How such a file is made, for the hint of an error. */
  readonly command: string;
}

/** Reads and checks a results file. @throws QuickstepError 'bad-file'. */
async function read<S extends z.ZodType>(kind: ResultsKind<S>, path: string): Promise<z.output<S>> {
  const hint = `Run ${kind.command}.`;
  let data: unknown;
  try {
    data = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new QuickstepError('bad-file', `${path} cannot be read as JSON.`, hint, { cause });
  }
  const parsed = kind.schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new QuickstepError('bad-file', `${path}: ${z.prettifyError(parsed.error)}`, hint);
}

/**
 * All results files of a kind, the latest first; at least one.
 * @throws QuickstepError 'bad-file'; 'not-found' when there are none.
 */
export async function allResults<S extends z.ZodType<{ date: string }>>(
  kind: ResultsKind<S>,
): Promise<z.output<S>[]> {
  const names = await readdir(folder).catch(() => []);
  const all = await Promise.all(
    names.filter((name) => kind.names.test(name)).map((name) => read(kind, join(folder, name))),
  );
  if (all.length > 0) return all.toSorted((a, b) => b.date.localeCompare(a.date));
  const hint = `Run ${kind.command}.`;
  throw new QuickstepError('not-found', 'There are no such results in bench/results.', hint);
}

/**
 * A results file, or without a path the one with the latest date.
 * @throws QuickstepError 'bad-file'; 'not-found' when there are none.
 */
export async function latestResults<S extends z.ZodType<{ date: string }>>(
  kind: ResultsKind<S>,
  path?: string,
): Promise<z.output<S>> {
  return path ? read(kind, path) : (await allResults(kind))[0];
}

/** Runs the making of a page; a failure is one line. */
export async function makePage(page: string, make: () => Promise<void>): Promise<void> {
  try {
    await make();
    console.log(`${page} written.`);
  } catch (error) {
    console.error(QuickstepError.isInstance(error) ? error.message : error);
    process.exitCode = 1;
  }
}
