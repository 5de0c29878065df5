/** Runs the real program, as build-cli.ts has compiled it, as a child process, for tests. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
const compiled = join(root, '.cache', 'cli');

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  /** What comes through the pipe; an empty one without it, one that stays open with null. */
  stdin?: string | null;
  env?: Record<string, string>;
  /** Told of each piece of standard output, with the process to act on. */
  onOutput?: (child: ChildProcess) => void;
  /** The same for standard error. */
  onErrorOutput?: (child: ChildProcess) => void;
}

function runNode(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { stdin = '', env, onOutput, onErrorOutput } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...env } });
    const result: CliResult = { code: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      result.stdout += text;
      onOutput?.(child);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      result.stderr += text;
      onErrorOutput?.(child);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...result, code }));
    child.stdin.on('error', () => {});
    if (stdin !== null) child.stdin.end(stdin);
  });
}

/** Runs `quickstep` with these arguments to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runNode([join(compiled, 'main.js'), ...args], options);
}

/** Runs statements in a process of their own, with what `files` of this folder export at hand. */
export function runScript(files: readonly string[], script: string, options: CliOptions): Promise<CliResult> {
  const imports = files.map((file) => `...(await import(${JSON.stringify(join(compiled, file))}))`);
  const code = `const cli = { ${imports.join(', ')} };\n${script}`;
  return runNode(['--input-type=module', '-e', code], options);
}
