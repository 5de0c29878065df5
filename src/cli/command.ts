/** What a command of the program is, and the options all of them share. */

import { z } from 'zod';
import type { ParsedArgs } from './args.ts';
import type { FlagGroup } from './flags.ts';

export interface Command {
  readonly name: string;
  /** Name and arguments, for the help. */
  readonly usage: string;
  /** A few words for the list of commands. */
  readonly title: string;
  /** A paragraph for the command's own help. */
  readonly summary: string;
  /** Command lines without the program's name. */
  readonly examples: readonly string[];
  /** Options; they may depend on other arguments, as a method's own options do. */
  groups(argv: readonly string[]): FlagGroup[];
  /** @param signal aborts at Ctrl-C; the command then stops and throws the signal's reason. */
  run(args: ParsedArgs, signal: AbortSignal): Promise<void>;
}

export const commonOptions = z.strictObject({
  json: z.boolean().default(false).describe('Print one JSON value on standard output, for machines.'),
  noColor: z.boolean().default(false).describe('No colours; NO_COLOR in the environment does the same.'),
  debug: z.boolean().default(false).describe('Show the stack of an error.'),
  help: z.boolean().default(false).describe('Show this help.'),
});

export const commonGroup: FlagGroup = { title: 'General', schema: commonOptions };

/** Prints a value as indented JSON. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Prints lines. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Columns of the terminal behind standard output; unlimited in a pipe. */
export function outputColumns(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Infinity;
}
