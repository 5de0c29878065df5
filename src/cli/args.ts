/**
 * Reading a command's arguments: every flag must be known, every value valid by the schema it belongs to. What was
 * written and what holds with the defaults filled in are kept apart, since the library has defaults of its own.
 */

import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { type Flag, type FlagGroup, flagInput, flagsOf } from './flags.ts';
import { didYouMean } from './suggest.ts';

/** Checked arguments of one command. */
export class ParsedArgs {
  readonly positionals: readonly string[];
  readonly #input: Readonly<Record<string, unknown>>;

  constructor(positionals: readonly string[], input: Readonly<Record<string, unknown>>) {
    this.positionals = positionals;
    this.#input = input;
  }

  /** The options of a schema that were written. */
  given<S extends z.ZodObject>(schema: S): z.input<S> {
    const entries = Object.entries(this.#input).filter(([key]) => key in schema.shape);
    return Object.fromEntries(entries) as z.input<S>;
  }

  /** All options of a schema, with defaults. */
  values<S extends z.ZodObject>(schema: S): z.output<S> {
    return schema.parse(this.given(schema)) as z.output<S>;
  }
}

const shortFlags: Readonly<Record<string, string>> = { h: 'help', m: 'model' };

/** One token of `parseArgs`, as far as it matters here. */
interface OptionToken {
  rawName: string;
  name: string;
  value?: string;
  inlineValue?: boolean;
}

function written(flag: Flag, { rawName, value, inlineValue }: OptionToken): string | true {
  if (flag.kind === 'boolean' && value === undefined) return true;
  // `--model --json` forgot the value; `--presence-penalty -1` did not.
  const forgotten = value === undefined || (!inlineValue && /^-+[a-z]/.test(value));
  if (!forgotten) return value;
  throw new QuickstepError('bad-option', `${rawName} needs a value (<${flag.value}>).`, flag.description);
}

/**
 * Parses and checks the arguments after a command's name.
 * @throws QuickstepError 'bad-option' for an unknown flag (with the nearest known one), a missing or bad value.
 */
export function parseArguments(argv: readonly string[], groups: readonly FlagGroup[]): ParsedArgs {
  const flags = new Map(groups.flatMap(({ schema }) => flagsOf(schema)).map((flag) => [flag.name, flag]));
  const options = Object.fromEntries(
    [...flags.values()].map(({ name, kind }) => [
      name,
      { type: kind === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  for (const [short, name] of Object.entries(shortFlags)) {
    if (name in options) options[name] = Object.assign(options[name], { short });
  }
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const values = new Map<Flag, (string | true)[]>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const flag = flags.get(token.name);
    if (!flag) {
      const hint = didYouMean(token.name, flags.keys(), 'See --help for the options there are.', '--');
      throw new QuickstepError('bad-option', `Unknown option ${token.rawName}.`, hint);
    }
    values.set(flag, [...(values.get(flag) ?? []), written(flag, token)]);
  }
  const input = Object.fromEntries([...values].map(([flag, list]) => [flag.key, flagInput(flag, list)]));
  const args = new ParsedArgs(positionals, input);
  for (const { schema } of groups) check(schema, args);
  return args;
}

/** The value of one flag before the rest can be parsed, because other flags depend on it. */
export function peekFlag(argv: readonly string[], name: string): string | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: { [name]: { type: 'string' } },
    strict: false,
    allowPositionals: true,
  });
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function check(schema: z.ZodObject, args: ParsedArgs): void {
  const result = schema.safeParse(args.given(schema));
  if (result.success) return;
  const [issue] = result.error.issues;
  const [key, entry] = issue.path;
  const flag = flagsOf(schema).find((candidate) => candidate.key === key);
  if (!flag) throw new Error(`no flag for ${String(key)}: ${issue.message}`);
  const reason = issue.code === 'invalid_key' ? issue.issues[0].message : issue.message;
  const value = args.given(schema)[key as string];
  const shown = shownOf(value, entry);
  const hint = [flag.description, flag.range && `It takes ${flag.range}.`].filter(Boolean).join(' ');
  throw new QuickstepError('bad-option', `--${flag.name}${shown}: ${reason}.`, hint);
}

/** What of a flag's value is wrong: one of several, a key, or all of it. */
function shownOf(value: unknown, entry: PropertyKey | undefined): string {
  if (Array.isArray(value) && typeof entry === 'number') return ` ${String(value[entry])}`;
  if (entry !== undefined) return ` ${JSON.stringify(entry)}`;
  return typeof value === 'object' ? '' : ` ${String(value)}`;
}
