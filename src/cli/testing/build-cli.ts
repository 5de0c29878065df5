/**
 * Before all tests: compiles the program once into .cache/, which lies as deep as dist/ and so finds models/ and papers/ as
 * the published package does. Once, because a file written anew while another test's process reads it breaks that process.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './run-cli.ts';

/** Types are checked elsewhere. */
export default async function buildCli(): Promise<void> {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = ['--outDir', '.cache', '--noCheck', '--declaration', 'false', '--sourceMap', 'false'];
  const args = [compiler, '-p', 'tsconfig.build.json', ...options];
  await promisify(execFile)(process.execPath, args, { cwd: root });
}
