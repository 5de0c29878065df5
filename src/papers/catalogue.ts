/**
 * The catalogue of systems: reads and checks `papers/*.json`, which lie next to `src/` in the repository and next
 * to `dist/` in the installed package. Files are checked like any other input: bounded in size, validated against
 * the schema, and the slug inside must be the file's name.
 */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { type Paper, paperSchema } from './schema.ts';

export { searchCatalogue } from './search.ts';

const packagedFolder = fileURLToPath(new URL('../../papers', import.meta.url));
const maxFileBytes = 64 * 1024;

/**
 * All systems, newest first and by slug within a day.
 *
 * @param folder where the entries lie; the package's own `papers/` unless given
 * @throws QuickstepError `not-found` when the folder cannot be read, `bad-file` when an entry is not valid
 */
export async function loadCatalogue(folder: string = packagedFolder): Promise<Paper[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new QuickstepError(
      'not-found',
      `The catalogue folder ${folder} cannot be read.`,
      'Reinstall quickstep, or pass the folder that holds the entries.',
      { cause },
    );
  }
  const entries = names.filter((name) => name.endsWith('.json'));
  const papers = await Promise.all(entries.map((name) => readPaper(folder, name)));
  return papers.sort((a, b) => compare(b.date, a.date) || compare(a.slug, b.slug));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function readPaper(folder: string, name: string): Promise<Paper> {
  const path = join(folder, name);
  const { size } = await stat(path);
  if (size > maxFileBytes) {
    throw badEntry(path, `is ${size} bytes long, more than ${maxFileBytes}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw badEntry(path, 'is not JSON', { cause });
  }
  const parsed = paperSchema.safeParse(json);
  if (!parsed.success) {
    throw badEntry(path, `is not valid:\n${z.prettifyError(parsed.error)}\n`, { cause: parsed.error });
  }
  if (`${parsed.data.slug}.json` !== name) {
    throw badEntry(path, `has the slug "${parsed.data.slug}", which is not its file name`);
  }
  return parsed.data;
}

function badEntry(path: string, what: string, options?: ErrorOptions): QuickstepError {
  const hint = 'Correct the entry by src/papers/schema.ts, or reinstall quickstep.';
  return new QuickstepError('bad-file', `The catalogue entry ${path} ${what}.`, hint, options);
}
