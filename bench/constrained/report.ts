/**
 * Writes docs/benchmarks-constrained.md from a results file: `npx tsx bench/constrained/report.ts [results file]`, by default
 * the newest bench/results/constrained-*.json.
 */

import { writeFile } from 'node:fs/promises';
import { latestResults, makePage } from '../latest.ts';
import { renderConstrainedReport } from './report-text.ts';
import { constrainedResultsFile } from './results.ts';

await makePage('docs/benchmarks-constrained.md', async () => {
  const kind = {
    schema: constrainedResultsFile,
    names: /^constrained-.*\.json$/,
    command: 'npm run bench:constrained',
  };
  const results = await latestResults(kind, process.argv[2]);
  const page = new URL('../../docs/benchmarks-constrained.md', import.meta.url);
  await writeFile(page, renderConstrainedReport(results));
});
