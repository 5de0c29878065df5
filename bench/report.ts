/**
 * Writes docs/benchmarks.md from a results file, so that no figure in the docs is typed by hand:
 * `npx tsx bench/report.ts [results file]`, by default the newest one in bench/results. The words around the
 * tables are in report-text.ts.
 */

import { writeFile } from 'node:fs/promises';
import { latestResults, makePage } from './latest.ts';
import { renderReport } from './report-text.ts';
import { resultsFile } from './results.ts';

await makePage('docs/benchmarks.md', async () => {
  // Other benchmarks have a prefix.
  const kind = { schema: resultsFile, names: /^(?!train-|diffusion-).*\.json$/, command: 'npm run bench' };
  const results = await latestResults(kind, process.argv[2]);
  await writeFile(new URL('../docs/benchmarks.md', import.meta.url), renderReport(results));
});
