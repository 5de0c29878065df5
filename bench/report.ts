/**
 * Writes docs/benchmarks.md from a results file, so that no figure in the docs is typed by hand:
 * `npx tsx bench/report.ts [results file]`, by default the newest one in bench/results. The words around the
 * tables are in report-text.ts.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { QuickstepError } from '../src/errors.ts';
import { renderReport } from './report-text.ts';
import { type Results, resultsFile } from './results.ts';

const folder = fileURLToPath(new URL('./results/', import.meta.url));

/** Reads and checks a results file. @throws QuickstepError 'bad-file'. */
async function read(path: string): Promise<Results> {
  let data: unknown;
  try {
    data = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new QuickstepError('bad-file', `${path} cannot be read as JSON.`, 'Run npm run bench.', { cause });
  }
  const parsed = resultsFile.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new QuickstepError('bad-file', `${path}: ${z.prettifyError(parsed.error)}`, 'Run npm run bench.');
}

/** The results with the latest date. @throws QuickstepError 'not-found' when there are none. */
async function newest(): Promise<Results> {
  const names = await readdir(folder).catch(() => []);
  const all = await Promise.all(
    names.filter((name) => /^(?!train-).*\.json$/.test(name)).map((name) => read(join(folder, name))),
  );
  const latest = all.toSorted((a, b) => b.date.localeCompare(a.date))[0];
  if (latest) return latest;
  throw new QuickstepError('not-found', 'There are no results in bench/results.', 'Run npm run bench.');
}

try {
  const path = process.argv[2];
  const results = path ? await read(path) : await newest();
  await writeFile(new URL('../docs/benchmarks.md', import.meta.url), renderReport(results));
  console.log('docs/benchmarks.md written.');
} catch (error) {
  console.error(QuickstepError.isInstance(error) ? error.message : error);
  process.exitCode = 1;
}
