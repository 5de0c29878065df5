/**
 * Writes docs/benchmarks-train.md from a results file: `npx tsx bench/train/report.ts [results file]`, by default the
 * newest bench/results/train-*.json. The words around the tables are in report-text.ts.
 */

import { writeFile } from 'node:fs/promises';
import { latestResults, makePage } from '../latest.ts';
import { renderTrainReport } from './report-text.ts';
import { trainResultsFile } from './results.ts';

await makePage('docs/benchmarks-train.md', async () => {
  const kind = { schema: trainResultsFile, names: /^train-.*\.json$/, command: 'npm run bench:train' };
  const results = await latestResults(kind, process.argv[2]);
  await writeFile(new URL('../../docs/benchmarks-train.md', import.meta.url), renderTrainReport(results));
});
