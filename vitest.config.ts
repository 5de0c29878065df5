import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The conformance suites take minutes in small files, which would come last and run alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => moduleId.endsWith('conformance.test.ts');
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

const hasBrowser = existsSync(process.env.CHROMIUM ?? '/usr/bin/chromium');
if (!hasBrowser)
  console.warn(
    'No Chromium: the pages of the studio are not tested. Install it, or set CHROMIUM to its path.',
  );

const inBrowser = ['accessibility', 'sample', 'studio', 'webgpu'].map(
  (name) => `studio/test/${name}.test.ts`,
);

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts', 'studio/**/*.test.ts'],
    exclude: ['**/node_modules/**', ...(hasBrowser ? [] : inBrowser)],
    globalSetup: ['src/cli/testing/build-cli.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // The default leaves a core free, which on two cores is half of them.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
  },
});
