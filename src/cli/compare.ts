/** `quickstep compare`: one prompt through several methods on one loaded model, one after the other. */

import { z } from 'zod';
import { generate, limitOptions, type Prompt, type Result } from '../decode/generate.ts';
import type { Method } from '../decode/method.ts';
import { samplingOptions } from '../decode/sampling/options.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { type ParsedArgs, peekFlag } from './args.ts';
import { type Command, commonGroup, commonOptions, outputColumns, printJson, printLines } from './command.ts';
import { type Companions, lazyProgress, loadCompanions, loadModel, modelOptions } from './load-model.ts';
import { methodGroup, methodInput, methodNamed } from './method-options.ts';
import { promptFor, promptOptions, readPrompt } from './prompt.ts';
import { type Column, tableLines } from './table.ts';

const compareOptions = z.strictObject({
  methods: z.string().default('greedy,prompt-lookup').meta({
    value: 'a,b,c',
    description: 'Decoding methods, separated by commas; the first is what the others are measured by.',
  }),
});

/** Tokens decoded before anything is measured: first runs also pay for memory and kernels. */
const warmUpTokens = 4;

function namedMethods(list: string): Method[] {
  const slugs = list.split(',').map((slug) => slug.trim());
  const twice = slugs.find((slug, i) => slugs.indexOf(slug) !== i);
  if (twice !== undefined) {
    throw new QuickstepError(
      'bad-option',
      `--methods names ${JSON.stringify(twice)} twice.`,
      'Name each once.',
    );
  }
  return slugs.map(methodNamed);
}

export const compareCommand: Command = {
  name: 'compare',
  usage: 'compare [prompt] --methods a,b,c',
  title: 'one prompt through several methods',
  summary:
    'Runs each method on the same prompt and the same loaded model, one after the other, and prints a table of what each took. An option goes to every method that has it. Ratios are of tokens per second.',
  examples: [
    'compare "Repeat after me: one two three four" --methods greedy,prompt-lookup',
    'compare --file code.ts --raw --methods greedy,prompt-lookup --draft-tokens 16 --json',
  ],
  groups: (argv) => [
    { title: 'Options', schema: compareOptions },
    { title: 'Prompt', schema: promptOptions },
    { title: 'Model', schema: modelOptions },
    { title: 'Limits', schema: limitOptions },
    { title: 'Sampling', schema: samplingOptions },
    ...namedMethods(peekFlag(argv, 'methods') ?? compareOptions.parse({}).methods).map(methodGroup),
    commonGroup,
  ],
  run: runCompare,
};

/** One method's outcome, beside the first's. */
export interface Comparison {
  method: string;
  tokens: number;
  steps: number;
  forwards: number;
  tokensPerForward: number;
  seconds: number;
  tokensPerSecond: number;
  /** Tokens per second relative to the first method. */
  ratio: number;
  /** Whether the tokens are those of the first method, and the index of the first that is not. */
  same: boolean;
  differsAt: number | null;
  finish: string;
  text: string;
}

/** Index of the first token in which two answers differ, -1 when they are equal. */
export function firstDifference(a: readonly number[], b: readonly number[]): number {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

/** @param baseline result of the first method */
export function comparison(method: string, result: Result, baseline: Result): Comparison {
  const { tokens, forwards, steps, seconds, tokensPerSecond, finish, text } = result;
  const difference = firstDifference(baseline.tokens, tokens);
  return {
    method,
    tokens: tokens.length,
    steps,
    forwards,
    tokensPerForward: forwards > 0 ? tokens.length / forwards : 0,
    seconds,
    tokensPerSecond,
    ratio: baseline.tokensPerSecond > 0 ? tokensPerSecond / baseline.tokensPerSecond : 0,
    same: difference === -1,
    differsAt: difference === -1 ? null : difference,
    finish,
    text,
  };
}

async function runCompare(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const { json } = args.values(commonOptions);
  const methods = namedMethods(args.values(compareOptions).methods);
  const prompting = args.values(promptOptions);
  const text = await readPrompt(args.positionals, prompting, signal);
  await using model = await loadModel(args.values(modelOptions), signal, json);
  await using companions = await loadCompanions(methods, args.values(modelOptions), signal, json);
  const prompt = promptFor(model, text, prompting);
  const limits = args.given(limitOptions);
  const { maxTokens } = args.values(limitOptions);

  await runOne({ model, companions }, prompt, methods[0], args, {
    ...limits,
    maxTokens: Math.min(warmUpTokens, maxTokens),
    signal,
  });
  const results: Result[] = [];
  for (const method of methods) {
    const progress = lazyProgress(method.slug, {
      unit: 'tokens',
      quiet: !process.stderr.isTTY,
      transient: true,
    });
    try {
      const onToken = (tokens: number) => progress.update(tokens, maxTokens);
      results.push(await runOne({ model, companions }, prompt, method, args, { ...limits, signal }, onToken));
    } finally {
      progress.done();
    }
  }
  const rows = results.map((result, i) => comparison(methods[i].slug, result, results[0]));
  if (json) printJson(rows);
  else printLines(comparisonTable(rows, outputColumns()));
}

async function runOne(
  { model, companions }: { model: LanguageModel; companions: Companions },
  prompt: Prompt,
  method: Method,
  args: ParsedArgs,
  options: z.input<typeof limitOptions> & { signal: AbortSignal },
  onToken?: (tokens: number) => void,
): Promise<Result> {
  const { sampling, methodOptions } = methodInput(method, args);
  const generation = generate(model, prompt, {
    ...sampling,
    ...options,
    method,
    methodOptions,
    ...companions.of(method),
  });
  let tokens = 0;
  for await (const { committed } of generation) {
    tokens += committed.length;
    onToken?.(tokens);
  }
  return generation.result;
}

const head: readonly Column[] = [
  { title: 'method' },
  { title: 'tokens', right: true },
  { title: 'steps', right: true },
  { title: 'forwards', right: true },
  { title: 'tokens/forward', right: true },
  { title: 'seconds', right: true },
  { title: 'tokens/s', right: true },
  { title: 'ratio', right: true },
  { title: 'same output' },
];

/** The comparison as lines for people. */
export function comparisonTable(rows: readonly Comparison[], columns: number): string[] {
  const cells = rows.map((row, i) => [
    row.method,
    String(row.tokens),
    String(row.steps),
    String(row.forwards),
    row.tokensPerForward.toFixed(2),
    row.seconds.toFixed(2),
    row.tokensPerSecond.toFixed(1),
    `${row.ratio.toFixed(2)}x`,
    i === 0 ? '' : row.same ? 'yes' : `no, from token ${row.differsAt}`,
  ]);
  return tableLines(head, cells, columns);
}
