/**
 * Writes docs/benchmarks-speculative.md and its picture from bench/results/speculative-*.json: `npx tsx
 * bench/speculative/report.ts`. First comes the newest run of those that compare the most systems, then the others. The words
 * around the tables are in report-text.ts.
 */

import { writeFile } from 'node:fs/promises';
import { allResults, makePage } from '../latest.ts';
import { speculativePlot } from './plot.ts';
import { pictureName, renderSpeculativeReport } from './report-text.ts';
import { speculativeResultsFile } from './results.ts';

await makePage('docs/benchmarks-speculative.md', async () => {
  const kind = {
    schema: speculativeResultsFile,
    names: /^speculative-.*\.json$/,
    command: 'npm run bench:speculative',
  };
  const runs = await allResults(kind);
  const most = Math.max(...runs.map(({ systems }) => systems.length));
  const results = runs.find(({ systems }) => systems.length === most)!;
  const others = runs.filter((run) => run !== results);
  const docs = new URL('../../docs/', import.meta.url);
  await writeFile(new URL('benchmarks-speculative.md', docs), renderSpeculativeReport(results, others));
  await writeFile(new URL(pictureName, docs), speculativePlot(results));
});
