/**
 * Writes the table of JSON Schema keywords of docs/constrained.md from the cases that the tests run; a test fails while
 * it is stale. Run with `npx tsx tools/constrained-coverage.ts`.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { coverageTable } from '../src/decode/constrained/testing/keyword-cases.ts';

const target = new URL('../docs/constrained.md', import.meta.url);
const page = await readFile(target, 'utf8');
const parts = page.split(/<!-- (?:coverage|end of coverage) -->\n/);
if (parts.length !== 3) throw new Error('docs/constrained.md lacks its marks');
const [before, , after] = parts;
await writeFile(target, `${before}<!-- coverage -->\n${coverageTable()}\n<!-- end of coverage -->\n${after}`);
