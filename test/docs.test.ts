/**
 * The samples of the documentation, run as a reader runs them: every fenced block marked `ts run`, in a
 * Node.js of its own that imports the built package. What a sample asserts by `// prints: text` must be in its output.
 */

import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

interface Sample {
  file: string;
  line: number;
  code: string;
}

async function samplesOf(file: string): Promise<Sample[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/^```ts run\n([\s\S]*?)^```$/gm)].map((match) => ({
    file,
    line: text.slice(0, match.index).split('\n').length,
    code: match[1],
  }));
}

const pages = (await readdir('docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
const samples = (await Promise.all(['README.md', ...pages].map(samplesOf))).flat();

describe('samples of the documentation', () => {
  it('are there', () => {
    const files = new Set(samples.map(({ file }) => file));
    expect([...files]).toEqual(
      expect.arrayContaining(['docs/ai-sdk.md', 'docs/getting-started.md', 'docs/server.md']),
    );
  });

  it.each(samples)('$file, line $line', async ({ line, code }) => {
    // The package's own name resolves from inside it only.
    const path = join(process.cwd(), `test/.sample-${process.pid}-${line}.mts`);
    await writeFile(path, code);
    try {
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', path], {
        timeout: 60_000,
      });
      for (const [, text] of code.matchAll(/\/\/ prints: (.*)$/gm)) expect(stdout).toContain(text);
      expect(stdout).not.toBe('');
    } finally {
      await rm(path);
    }
  });
});
