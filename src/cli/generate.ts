/** `quickstep generate`: decodes one prompt, streams the text, and says what it took. */

import { z } from 'zod';
import { generate, limitOptions, type Result } from '../decode/generate.ts';
import { defaultMethod } from '../decode/method.ts';
import { samplingOptions } from '../decode/sampling/options.ts';
import type { LegalMass, Step } from '../decode/step.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { type ParsedArgs, peekFlag } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson } from './command.ts';
import { constraintOptions, readConstraint } from './constraint.ts';
import { graphOptions, readGraphInput } from './graph.ts';
import { loadCompanions, loadModel, modelOptions } from './load-model.ts';
import { methodGroup, methodInput, methodNamed, optionsUsed } from './method-options.ts';
import { colorDepth, createPaint } from './paint.ts';
import { promptFor, promptOptions, readPrompt } from './prompt.ts';
import { drawStep, plainStep, stepHeader } from './step-view.ts';
import { printable } from './text-width.ts';

const generateOptions = z.strictObject({
  method: z.string().optional().meta({
    value: 'name',
    description:
      'Decoding method; greedy without a temperature, sample with one, diffusion for models with a mask token.',
  }),
  showSteps: z.boolean().default(false).describe('Show each decoding step; the text follows at the end.'),
});

export const generateCommand: Command = {
  name: 'generate',
  usage: 'generate [prompt] [options]',
  title: 'decode an answer to a prompt',
  summary:
    'Decodes an answer and streams it to standard output; what it took follows on standard error. The options of a method: quickstep generate --method prompt-lookup --help.',
  examples: [
    'generate "Why is the sky blue?"',
    'generate "Once upon a time" --model stories260k --method prompt-lookup --show-steps',
    'generate "Invent a person." --schema person.json --max-tokens 100',
    'generate "Who directed Heat?" --graph movies.tsv --entity Heat',
    'generate --file letter.txt --system "Summarize it." --temperature 0.7 --seed 3',
  ],
  groups: (argv) => {
    const method = peekFlag(argv, 'method');
    return [
      { title: 'Options', schema: generateOptions },
      { title: 'Prompt', schema: promptOptions },
      { title: 'Model', schema: modelOptions },
      { title: 'Limits', schema: limitOptions },
      { title: 'Constraint', schema: constraintOptions },
      { title: 'Knowledge graph', schema: graphOptions },
      { title: 'Sampling', schema: samplingOptions },
      ...(method === undefined ? [] : [methodGroup(methodNamed(method))]),
      commonGroup,
    ];
  },
  run: runGenerate,
};

async function runGenerate(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const { json, noColor } = args.values(commonOptions);
  const { showSteps, method: slug } = args.values(generateOptions);
  const { temperature } = args.values(samplingOptions);
  const prompting = args.values(promptOptions);
  const constraint = await readConstraint(args.values(constraintOptions));
  const graph = await readGraphInput(args.values(graphOptions), constraint, signal);
  const text = graph.facts + (await readPrompt(args.positionals, prompting, signal));
  const named = slug === undefined ? undefined : methodNamed(slug);
  const wanted = args.values(modelOptions);
  const id = args.given(modelOptions).model ?? named?.model ?? wanted.model;
  const chosen = { ...wanted, model: id };
  await using model = await loadModel(chosen, signal, json);
  const method = named ?? methodNamed(defaultMethod(model.capabilities, temperature));
  await using companions = await loadCompanions([method], chosen, signal, json);
  const input = methodInput(method, args);
  const generation = generate(model, promptFor(model, text, prompting), {
    ...input.sampling,
    ...args.given(limitOptions),
    ...constraint,
    ...graph.constraint,
    method,
    methodOptions: input.methodOptions,
    ...companions.of(method),
    signal,
  });

  const showStep = showSteps ? stepWriter(model, !noColor) : undefined;
  const answer = answerWriter(json ? 'never' : showSteps ? 'at the end' : 'at once');
  let [tokens, steps] = [0, 0];
  try {
    for await (const step of generation) {
      tokens += step.committed.length;
      steps++;
      showStep?.(step);
      answer.write(step.text);
    }
  } catch (error) {
    if (signal.aborted)
      process.stderr.write(`${answer.end()}Stopped after ${tokens} tokens, ${steps} steps.\n`);
    throw error;
  }
  const result = await generation.result;
  process.stderr.write(answer.end());
  if (!json && result.answers) process.stdout.write(otherAnswers(result.answers));
  if (!json) process.stderr.write(`${summaryLine(result)}\n`);
  else {
    const used = { ...args.values(limitOptions), ...optionsUsed(method, input) };
    printJson({
      ...resultJson(result),
      method: method.slug,
      model: model.id,
      precision: model.precision,
      options: used,
    });
  }
}

/** The answer on standard output. */
function answerWriter(when: 'at once' | 'at the end' | 'never') {
  const { stdout } = process;
  let held = '';
  let last = '';
  const print = (text: string) => {
    if (!text) return;
    last = text;
    // Generated text may hold any control character; a terminal must not obey them.
    stdout.write(stdout.isTTY ? printable(text) : text);
  };
  return {
    write(text: string): void {
      if (when === 'at once') print(text);
      else if (when === 'at the end') held += text;
    },
    /** Prints what is held and ends the line; returns what belongs between the answer and the summary. */
    end(): string {
      if (when === 'never') return '';
      if (held) print(stdout.isTTY ? `\n${held}` : held);
      if (!last.endsWith('\n')) stdout.write('\n');
      return process.stderr.isTTY ? '\n' : '';
    },
  };
}

/** The answers behind the first, each under its score. */
function otherAnswers(answers: NonNullable<Result['answers']>): string {
  const shown = (text: string) => (process.stdout.isTTY ? printable(text) : text);
  const ranked = answers.map(
    ({ text, score }, i) => `\n[${i + 1}] score ${score.toFixed(2)}:\n${shown(text)}\n`,
  );
  return ranked.slice(1).join('');
}

/** Writes steps to standard error: drawn in a terminal, plain lines elsewhere. */
function stepWriter(model: LanguageModel, color: boolean): (step: Step) => void {
  const { stderr } = process;
  const decoder = new TextDecoder();
  const tokenText = (token: number) => decoder.decode(model.tokenizer.bytes(token));
  if (!stderr.isTTY) return (step) => stderr.write(plainStep(step, tokenText));
  const paint = createPaint(colorDepth(stderr, color));
  let header = true;
  return (step) => {
    if (header) stderr.write(stepHeader({ paint }, step));
    header = false;
    stderr.write(drawStep(step, { tokenText, paint, columns: stderr.columns || 80 }));
  };
}

function summaryLine(result: Result): string {
  const { tokens, steps, forwards, statistics, finish, seconds, firstTokenSeconds } = result;
  const { drafted, accepted, draftForwards } = statistics;
  const by = draftForwards > 0 ? ` in ${draftForwards} forwards of the draft model` : '';
  const drafts = drafted > 0 ? `, ${accepted} of ${drafted} drafts${by}` : '';
  const times = `${seconds.toFixed(2)} s (first after ${firstTokenSeconds.toFixed(2)} s)`;
  const rate = `${result.tokensPerSecond.toFixed(1)} tokens/s`;
  const drawn = statistics.legal ? ` · ${drawnLine(statistics.legal)}` : '';
  return `${tokens.length} tokens in ${times}, ${rate} · ${steps} steps, ${forwards} forwards${drafts} · ${finish}${drawn}`;
}

/** What drawing whole answers has told. */
function drawnLine({ draws, exact, unseen }: LegalMass): string {
  const distance = exact ? 'from the exact distribution' : `at most ${unseen.toPrecision(2)} from exact`;
  return `answer ${draws} of those drawn, ${distance}`;
}

/** A result for machines: counts in place of lists, probabilities only when they were asked for. */
export function resultJson({ tokens, committed, ...rest }: Result) {
  const logprobs = committed.some(({ top }) => top) ? { logprobs: committed } : {};
  return { ...rest, tokens: tokens.length, tokenIds: tokens, ...logprobs };
}
