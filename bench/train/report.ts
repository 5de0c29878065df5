/**
 * Writes docs/benchmarks-train.md from a results file: `npx tsx bench/train/report.ts [results file]`, by default the
 * newest bench/results/train-*.json. The words around the tables are in report-text.ts.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { QuickstepError } from '../../src/errors.ts';
import { renderTrainReport } from './report-text.ts';
import { type TrainResults, trainResultsFile } from './results.ts';

const folder = fileURLToPath(new URL('../results/', import.meta.url));
const hint = 'Run npm run bench:train.';

async function read(path: string): Promise<TrainResults> {
  const parsed = trainResultsFile.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new QuickstepError('bad-file', `${path}: ${z.prettifyError(parsed.error)}`, hint);
}

async function newest(): Promise<TrainResults> {
  const names = (await readdir(folder)).filter((name) => /^train-.*\.json$/.test(name));
  const all = await Promise.all(names.map((name) => read(join(folder, name))));
  const latest = all.toSorted((a, b) => b.date.localeCompare(a.date))[0];
  if (latest) return latest;
  throw new QuickstepError('not-found', 'There are no train-*.json in bench/results.', hint);
}

try {
  const path = process.argv[2];
  const results = path ? await read(path) : await newest();
  await writeFile(new URL('../../docs/benchmarks-train.md', import.meta.url), renderTrainReport(results));
  console.log('docs/benchmarks-train.md written.');
} catch (error) {
  console.error(QuickstepError.isInstance(error) ? error.message : error);
  process.exitCode = 1;
}
