/**
 * Writes docs/benchmarks-speculative.md and its picture from a results file: `npx tsx bench/speculative/report.ts [results
 * file]`, by default the newest bench/results/speculative-*.json. The words around the tables are in report-text.ts.
 */

import { writeFile } from 'node:fs/promises';
import { latestResults, makePage } from '../latest.ts';
import { speculativePlot } from './plot.ts';
import { pictureName, renderSpeculativeReport } from './report-text.ts';
import { speculativeResultsFile } from './results.ts';

await makePage('docs/benchmarks-speculative.md', async () => {
  const kind = {
    schema: speculativeResultsFile,
    names: /^speculative-.*\.json$/,
    command: 'npm run bench:speculative',
  };
  const results = await latestResults(kind, process.argv[2]);
  const docs = new URL('../../docs/', import.meta.url);
  await writeFile(new URL('benchmarks-speculative.md', docs), renderSpeculativeReport(results));
  await writeFile(new URL(pictureName, docs), speculativePlot(results));
});
