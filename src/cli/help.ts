/** Help texts, made from the commands and their flag schemas. */

import type { Command } from './command.ts';
import { type Flag, type FlagGroup, flagsOf } from './flags.ts';
import { wrap } from './text-width.ts';

const nameWidth = 28;
const lineWidth = 100;

function defaultOf({ default: value }: Flag): string {
  if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) return '';
  return `default\u00a0${String(value)}`;
}

function flagLines(flag: Flag): string[] {
  const name = `  --${flag.name}${flag.value && ` <${flag.value}>`}`;
  const repeat = flag.kind === 'array' || flag.kind === 'record' ? 'may be repeated' : '';
  const notes = [flag.range, defaultOf(flag), repeat].filter(Boolean).join(', ');
  const text = `${flag.description}${notes && ` (${notes})`}`;
  // A default stays on the line of its value.
  const lines = wrap(text, lineWidth - nameWidth).map((line) => line.replaceAll('\u00a0', ' '));
  const indented = lines.map((line) => ' '.repeat(nameWidth) + line);
  if (name.length >= nameWidth) return [name, ...indented];
  return [name.padEnd(nameWidth) + lines[0], ...indented.slice(1)];
}

/** Help of one command with the flags it has for these arguments. */
export function commandHelp(command: Command, groups: readonly FlagGroup[]): string {
  const sections = groups
    .map(({ title, schema }) => ({ title, flags: flagsOf(schema) }))
    .filter(({ flags }) => flags.length > 0)
    .map(({ title, flags }) => `${title}:\n${flags.flatMap(flagLines).join('\n')}`);
  const head = `Usage: quickstep ${command.usage}\n\n${wrap(command.summary, lineWidth).join('\n')}`;
  const examples = command.examples.map((example) => `  quickstep ${example}`).join('\n');
  return `${[head, ...sections, `Examples:\n${examples}`].join('\n\n')}\n`;
}

/** Help of the program. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ usage }) => usage.length));
  const lines = commands.map(({ usage, title }) => `  ${usage.padEnd(width)}  ${title}`);
  return `Usage: quickstep <command> [options]

A decoding engine: propose, score, choose, remember.

Commands:
${lines.join('\n')}

Every command has --help and --json. Start with:
  quickstep generate "Why is the sky blue?" --show-steps
`;
}
