/**
 * Writes FEATURES.md from papers/*.json, or with `--check` only says whether it is up to date (exit code 1 when it
 * is not). Run with `npx tsx tools/features.ts`.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadCatalogue } from '../src/papers/catalogue.ts';
import { renderFeatures } from '../src/papers/features.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const target = new URL('../FEATURES.md', import.meta.url);
const wanted = renderFeatures(await loadCatalogue());

if (!values.check) {
  await writeFile(target, wanted);
  console.log('FEATURES.md written.');
} else if ((await readFile(target, 'utf8').catch(() => '')) === wanted) {
  console.log('FEATURES.md is up to date.');
} else {
  console.error('FEATURES.md is stale. Run: npx tsx tools/features.ts');
  process.exitCode = 1;
}
