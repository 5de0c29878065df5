/** `quickstep evaluate`: accuracy of a model with a method on a task's test problems or on a data file. */

import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { z } from 'zod';
import { limitOptions } from '../decode/generate.ts';
import { defaultMethod } from '../decode/method.ts';
import { samplingOptions } from '../decode/sampling/options.ts';
import { QuickstepError } from '../errors.ts';
import {
  type Answer,
  defaultBatch,
  defaultMaxTokens,
  defaultSamples,
  type Evaluation,
  evaluate,
} from '../tasks/evaluate.ts';
import { fileProblems, type ProblemSet, testProblems } from '../tasks/problem-set.ts';
import { tasks } from '../tasks/registry.ts';
import { type ParsedArgs, peekFlag } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson, printLines } from './command.ts';
import { lazyProgress, loadCompanions, loadModel, modelOptions } from './load-model.ts';
import { methodGroup, methodInput, methodNamed } from './method-options.ts';
import { didYouMean } from './suggest.ts';
import { printable } from './text-width.ts';

const taskNames = [...tasks.keys()].join(', ');

const evaluateOptions = z.strictObject({
  task: z
    .string()
    .optional()
    .meta({ value: 'name', description: `What to solve: ${taskNames}.` }),
  level: z.int().min(1).optional().describe('Difficulty of the task; 1 without it.'),
  data: z.string().min(1).optional().meta({
    value: 'path',
    description: 'A file in the format of GSM8K (JSON Lines of question and answer) in place of a task.',
  }),
  samples: z
    .int()
    .min(1)
    .default(defaultSamples)
    .describe('Problems to solve; all of a data file when it has fewer.'),
  shots: z
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe('Solved problems before each one, for models that were not trained on the task.'),
  batch: z.int().min(1).max(1024).default(defaultBatch).describe('Problems decoded at once.'),
  show: z.int().min(0).default(0).describe('Print so many problems with their answers.'),
  method: z.string().optional().meta({
    value: 'name',
    description: 'Decoding method; greedy, or sample with a temperature, or diffusion for such a model.',
  }),
});

/** Answers to problems are shorter than those to people. */
const evaluateLimits = limitOptions.extend({
  maxTokens: z.int().min(0).default(defaultMaxTokens).describe('Longest answer, in tokens.'),
});

/** `--seed` draws the problems too. */
const evaluateSampling = samplingOptions.extend({
  seed: samplingOptions.shape.seed.describe('Seed of the problems and of the random numbers of sampling.'),
});

export const evaluateCommand: Command = {
  name: 'evaluate',
  usage: 'evaluate [model] --task t',
  title: 'accuracy on a task or a data file',
  summary:
    'Solves test problems, which no house model has seen in training, and prints the share of right answers with its 95% interval. Ctrl-C stops and prints what is known by then. The options of a method: quickstep evaluate --method prompt-lookup --help.',
  examples: [
    'evaluate house-causal --task countdown --level 2 --samples 200',
    'evaluate smollm2 --task sorting --shots 3 --show 5',
    'evaluate smollm2 --data gsm8k/test.jsonl --max-tokens 256 --json',
  ],
  groups: (argv) => {
    const method = peekFlag(argv, 'method');
    return [
      { title: 'Options', schema: evaluateOptions },
      { title: 'Model', schema: modelOptions },
      { title: 'Limits', schema: evaluateLimits },
      { title: 'Sampling', schema: evaluateSampling },
      ...(method === undefined ? [] : [methodGroup(methodNamed(method))]),
      commonGroup,
    ];
  },
  run: runEvaluate,
};

async function readData(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new QuickstepError(
      'not-found',
      `The data file ${path} cannot be read (${reason}).`,
      'Check --data.',
      {
        cause,
      },
    );
  }
}

async function problemSet({ task, data, level }: z.output<typeof evaluateOptions>, seed: number) {
  if ((task === undefined) === (data === undefined)) {
    const what = task === undefined ? 'There is nothing to solve.' : 'There are a task and a data file.';
    throw new QuickstepError('bad-option', what, `Give one of --task (${taskNames}) and --data.`);
  }
  if (data !== undefined) {
    if (level !== undefined)
      throw new QuickstepError('bad-option', 'A data file has no levels.', 'Leave --level out.');
    return fileProblems(await readData(data), basename(data, extname(data)), { seed });
  }
  const known = tasks.get(task!);
  if (known) return testProblems(known, { seed, level });
  const hint = didYouMean(task!, tasks.keys(), `Tasks: ${taskNames}.`);
  throw new QuickstepError('bad-option', `There is no task ${JSON.stringify(task)}.`, hint);
}

function modelArguments(args: ParsedArgs): z.output<typeof modelOptions> {
  const [model, ...more] = args.positionals;
  if (more.length > 0 || (model !== undefined && args.given(modelOptions).model !== undefined)) {
    throw new QuickstepError(
      'bad-option',
      'There are two models.',
      'Give one, as an argument or with --model.',
    );
  }
  const options = args.values(modelOptions);
  return model === undefined ? options : { ...options, model };
}

async function runEvaluate(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const { json } = args.values(commonOptions);
  const options = args.values(evaluateOptions);
  const { seed, temperature } = args.values(evaluateSampling);
  const set = await problemSet(options, seed);
  await using model = await loadModel(modelArguments(args), signal, json);
  const method = methodNamed(options.method ?? defaultMethod(model.capabilities, temperature));
  await using companions = await loadCompanions([method], modelArguments(args), signal, json);
  const { sampling, methodOptions } = methodInput(method, args);
  const progress = lazyProgress(set.name, { unit: 'problems', quiet: json && !process.stderr.isTTY });
  let known: Evaluation | undefined;
  const shown: Answer[] = [];
  try {
    known = await evaluate(model, set, {
      ...sampling,
      ...args.given(evaluateLimits),
      method,
      methodOptions,
      ...companions.of(method),
      samples: options.samples,
      shots: options.shots,
      batch: options.batch,
      signal,
      onProgress: (finished, samples) => progress.update(finished, samples, noteOf(known)),
      onBatch(soFar, answers) {
        known = soFar;
        shown.push(...answers.slice(0, options.show - shown.length));
      },
    });
  } catch (error) {
    progress.done();
    if (signal.aborted) printStopped(known, shown, set, json);
    throw error;
  }
  progress.done();
  print(known, shown, json);
}

function noteOf(known: Evaluation | undefined): string | undefined {
  return known && `${percent(known.accuracy)} right`;
}

function printStopped(
  known: Evaluation | undefined,
  shown: readonly Answer[],
  set: ProblemSet,
  json: boolean,
) {
  process.stderr.write(`Stopped after ${known?.samples ?? 0} problems of ${set.name}.\n`);
  if (known) print(known, shown, json);
}

function print(evaluation: Evaluation, shown: readonly Answer[], json: boolean): void {
  if (json) printJson({ ...evaluation, ...(shown.length > 0 && { answers: shown.map(answerJson) }) });
  else printLines([...shown.flatMap(answerLines), ...evaluationLines(evaluation)]);
}

function answerJson({ problem, text, correct }: Answer) {
  return { prompt: problem.prompt, expected: problem.answer, answer: text, correct };
}

function answerLines({ problem, text, correct }: Answer): string[] {
  const block = (title: string, content: string) =>
    printable(content.trim())
      .split('\n')
      .map((line, i) => `${(i === 0 ? title : '').padEnd(9)}${line}`);
  const answer = block(correct ? 'right' : 'wrong', text);
  return [
    ...block('problem', problem.prompt),
    ...answer,
    ...(correct ? [] : block('expected', problem.answer)),
    '',
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

/** An evaluation for people. */
export function evaluationLines(evaluation: Evaluation): string[] {
  const { model, task, level, method, samples, seed, correct, accuracy, low, high } = evaluation;
  const { tokens, steps, forwards, rows, seconds } = evaluation;
  const rate = seconds > 0 ? (tokens / seconds).toFixed(1) : '0';
  return [
    `${model} on ${task}${level === null ? '' : `, level ${level}`}, with ${method}, seed ${seed}`,
    `${correct} of ${samples} right: ${percent(accuracy)} (95% interval ${percent(low)} to ${percent(high)})`,
    `${tokens} tokens in ${seconds.toFixed(1)} s, ${rate} tokens/s · ${steps} steps, ${forwards} forwards of ${rows} rows`,
  ];
}
