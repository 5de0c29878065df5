#!/usr/bin/env node
/**
 * The program `quickstep`: finds the command, parses its arguments, runs it. Exit codes: 0 success, 1 failure,
 * 2 a mistake in the command line, 130 after Ctrl-C.
 */

import { readFile } from 'node:fs/promises';
import { QuickstepError } from '../errors.ts';
import { parseArguments } from './args.ts';
import { batchCommand } from './batch.ts';
import type { Command } from './command.ts';
import { compareCommand } from './compare.ts';
import { digestCommand } from './digest.ts';
import { evaluateCommand } from './evaluate.ts';
import { describeFailure, exitCodeOf, exitCodes } from './failure.ts';
import { generateCommand } from './generate.ts';
import { graphCommand } from './graph.ts';
import { commandHelp, programHelp } from './help.ts';
import { inspectCommand } from './inspect.ts';
import { interruptSignal } from './interrupt.ts';
import { methodsCommand } from './methods.ts';
import { modelsCommand } from './models.ts';
import { ngramsCommand } from './ngrams.ts';
import { proveCommand } from './prove.ts';
import { pullCommand } from './pull.ts';
import { serveCommand } from './serve.ts';
import { didYouMean } from './suggest.ts';
import { trainCommand } from './train.ts';

const commands: readonly Command[] = [
  generateCommand,
  serveCommand,
  compareCommand,
  batchCommand,
  evaluateCommand,
  trainCommand,
  proveCommand,
  methodsCommand,
  modelsCommand,
  pullCommand,
  inspectCommand,
  graphCommand,
  ngramsCommand,
  digestCommand,
];

async function version(): Promise<string> {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}

function hasFlag(argv: readonly string[], ...names: string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? undefined : end).some((argument) => names.includes(argument));
}

async function runCommand([name, ...argv]: readonly string[], signal: AbortSignal): Promise<void> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(programHelp(commands));
    return;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${await version()}\n`);
    return;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) {
    const names = commands.map((candidate) => candidate.name);
    const hint = didYouMean(name, names, `Commands: ${names.join(', ')}.`);
    throw new QuickstepError('bad-option', `There is no command ${JSON.stringify(name)}.`, hint);
  }
  const groups = command.groups(argv);
  if (hasFlag(argv, '--help', '-h')) process.stdout.write(commandHelp(command, groups));
  else await command.run(parseArguments(argv, groups), signal);
}

async function main(argv: readonly string[]): Promise<number> {
  const signal = interruptSignal();
  try {
    await runCommand(argv, signal);
    return exitCodes.success;
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted;
    process.stderr.write(describeFailure(error, hasFlag(argv, '--debug')));
    return exitCodeOf(error);
  }
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.success : exitCodes.failure);
});
process.stderr.on('error', () => {});

process.exitCode = await main(process.argv.slice(2));
