/**
 * Checks what package.json promises, after a build: every export has its types and can be imported by the package's
 * own name, and the command is there. Exit code 1 and a line for each thing that is missing.
 * Run with: npm run exports
 */

import { access, readFile } from 'node:fs/promises';

interface Manifest {
  name: string;
  bin: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
}

const root = new URL('../', import.meta.url);
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as Manifest;

async function problemOf(what: string, check: () => Promise<unknown>): Promise<string[]> {
  try {
    await check();
    return [];
  } catch (error) {
    return [`${what}: ${error instanceof Error ? error.message : error}`];
  }
}

const problems: string[] = [];
for (const [path, target] of Object.entries(manifest.exports)) {
  if (typeof target === 'string') {
    problems.push(...(await problemOf(target, () => access(new URL(target, root)))));
    continue;
  }
  const name = manifest.name + path.slice(1);
  problems.push(...(await problemOf(target.types, () => access(new URL(target.types, root)))));
  problems.push(...(await problemOf(name, () => import(name))));
}
for (const target of Object.values(manifest.bin)) {
  problems.push(...(await problemOf(target, () => access(new URL(target, root)))));
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`${Object.keys(manifest.exports).length} exports are in place.`);
