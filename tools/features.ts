/**
 * Brings up to date what is written from papers/*.json: FEATURES.md, and the log of changes, which gets a line for every
 * system whose status has changed. With `--check` it only says whether they are (exit code 1 when not). Run with
 * `npx tsx tools/features.ts`.
 */

import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadCatalogue } from '../src/papers/catalogue.ts';
import { changesFile, loadChanges, newChanges } from '../src/papers/changes.ts';
import { renderFeatures } from '../src/papers/features.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const target = new URL('../FEATURES.md', import.meta.url);
const papers = await loadCatalogue();
const wanted = renderFeatures(papers);
const today = new Date().toISOString().slice(0, 10);
const untold = newChanges(papers, await loadChanges(), today);

if (!values.check) {
  await writeFile(target, wanted);
  await appendFile(changesFile, untold.map((change) => `${JSON.stringify(change)}\n`).join(''));
  console.log(`FEATURES.md written, ${untold.length} changes logged.`);
} else if (untold.length === 0 && (await readFile(target, 'utf8').catch(() => '')) === wanted) {
  console.log('FEATURES.md and papers/changes.jsonl are up to date.');
} else {
  console.error('FEATURES.md or papers/changes.jsonl is stale. Run: npx tsx tools/features.ts');
  process.exitCode = 1;
}
