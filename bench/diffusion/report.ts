/**
 * Writes docs/benchmarks-diffusion.md and its picture from a results file: `npx tsx bench/diffusion/report.ts [results
 * file]`, by default the newest bench/results/diffusion-*.json. The words around the tables are in report-text.ts.
 */

import { writeFile } from 'node:fs/promises';
import { latestResults, makePage } from '../latest.ts';
import { diffusionPlot } from './plot.ts';
import { pictureName, renderDiffusionReport } from './report-text.ts';
import { diffusionResultsFile } from './results.ts';

await makePage('docs/benchmarks-diffusion.md', async () => {
  const kind = {
    schema: diffusionResultsFile,
    names: /^diffusion-.*\.json$/,
    command: 'npm run bench:diffusion',
  };
  const results = await latestResults(kind, process.argv[2]);
  const docs = new URL('../../docs/', import.meta.url);
  await writeFile(new URL('benchmarks-diffusion.md', docs), renderDiffusionReport(results));
  await writeFile(new URL(pictureName, docs), diffusionPlot(results));
});
