/**
 * Lossless drafters against greedy decoding on prompts of Spec-Bench: the same tokens on every one.
 *   npx tsx proofs/engine/identity.ts [--methods prompt-lookup,medusa] [--samples 200] [--tokens 24] [--characters 600]
 *     [--model smollm2] [--seed 0] [--threads 1] [--data file] [--out runs/identity] [--results file.json]
 * A prompt is the beginning of a question's first turn. Answers are kept in `--out`, a file for each method, and a run that
 * was stopped goes on behind them; another method needs only its own. Where answers part, greedy decoding's two best logits
 * there tell a tie of rounding (less than 1e-4 apart) from an error. Exit code 1 when there is an error.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { pickQuestions, readQuestions } from '../../bench/speculative/questions.ts';
import { createProgress } from '../../src/cli/progress.ts';
import { generate } from '../../src/decode/generate.ts';
import { load } from '../../src/models/load.ts';
import { cachedLines } from '../../src/train/line-cache.ts';

const { values } = parseArgs({
  options: {
    methods: { type: 'string', default: 'prompt-lookup,medusa' },
    samples: { type: 'string', default: '200' },
    tokens: { type: 'string', default: '24' },
    characters: { type: 'string', default: '600' },
    model: { type: 'string', default: 'smollm2' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string', default: '1' },
    data: { type: 'string', default: '../shared/data/spec-bench/question.dev.jsonl' },
    out: { type: 'string', default: 'runs/identity' },
    results: { type: 'string' },
  },
});
const wholeNumber = z.coerce.number().int().min(0);
const [samples, maxTokens, characters, seed, threads] = [
  values.samples,
  values.tokens,
  values.characters,
  values.seed,
  values.threads,
].map((text) => wholeNumber.parse(text));

/** Logits closer than this may change places when sums are taken in another order. */
const tie = 1e-4;

const answerSchema = z.object({
  tokens: z.array(z.int()),
  finish: z.string(),
  forwards: z.int(),
});
type Answer = z.output<typeof answerSchema>;

const questions = pickQuestions(await readQuestions(values.data), samples, seed);
await using model = await load(values.model, { threads });
const prompts = questions.map(({ text }) => [{ role: 'user', content: text.slice(0, characters) }]);
await mkdir(values.out, { recursive: true });

/** The method's answers to all prompts. */
async function answersOf(method: string): Promise<Answer[]> {
  const progress = createProgress(process.stderr, method, { unit: 'prompts' });
  const answers = await cachedLines({
    path: join(values.out, `${method}.jsonl`),
    identity: { model: model.id, precision: model.precision, method, maxTokens, characters, seed },
    count: prompts.length,
    batch: 1,
    schema: answerSchema,
    make: async (first) => {
      const { tokens, finish, forwards } = await generate(model, prompts[first], { method, maxTokens })
        .result;
      return [{ tokens: [...tokens], finish, forwards }];
    },
    onProgress: (done, total) => progress.update(done, total),
  });
  progress.done();
  return answers;
}

const promptTokensOf = (prompt: (typeof prompts)[number]) =>
  model.tokenizer.encode(model.chatTemplate!.render(prompt, { addGenerationPrompt: true }), {
    addSpecialTokens: false,
  });

/** How far the two best logits are apart behind a prompt and the beginning of an answer. */
async function gapBehind(prompt: (typeof prompts)[number], answer: readonly number[]): Promise<number> {
  const cache = model.newCache();
  const sequence = cache.slots.createSequence();
  const tokens = [...promptTokensOf(prompt), ...answer];
  const group = { sequence, tokens, scored: [tokens.length - 1] };
  const { scores } = await model.forward(cache, [group], { logits: true });
  const [best, second] = [...scores[0].logits(0)].sort((a, b) => b - a);
  return best - second;
}

/** Place at which two answers part; undefined when they are the same. */
function parting(a: Answer, b: Answer): number | undefined {
  if (a.tokens.join() === b.tokens.join() && a.finish === b.finish) return undefined;
  const place = a.tokens.findIndex((token, i) => token !== b.tokens[i]);
  return place === -1 ? a.tokens.length : place;
}

const total = (answers: readonly Answer[], of: (answer: Answer) => number) =>
  answers.reduce((sum, answer) => sum + of(answer), 0);

const greedy = await answersOf('greedy');
const rows: object[] = [];
let errors = 0;
for (const method of values.methods.split(',')) {
  const answers = await answersOf(method);
  const partings: object[] = [];
  for (const [i, answer] of answers.entries()) {
    const place = parting(greedy[i], answer);
    if (place === undefined) continue;
    const gap = await gapBehind(prompts[i], greedy[i].tokens.slice(0, place));
    if (gap >= tie) errors++;
    partings.push({ question: questions[i].id, place, gap, isTie: gap < tie });
  }
  const tokens = total(answers, ({ tokens }) => tokens.length);
  const same = answers.length - partings.length;
  const tokensPerForward = tokens / total(answers, ({ forwards }) => forwards);
  console.log(
    `${method}: ${same} of ${answers.length} answers the same, ${tokens} tokens, ${tokensPerForward.toFixed(2)} a forward`,
  );
  for (const one of partings) console.log(`  ${JSON.stringify(one)}`);
  rows.push({ method, prompts: answers.length, same, tokens, tokensPerForward, partings });
}
const byTask = Object.fromEntries(
  [...new Set(questions.map(({ task }) => task))].map((task) => [
    task,
    questions.filter((question) => question.task === task).length,
  ]),
);
if (values.results) {
  const result = { model: model.id, precision: model.precision, maxTokens, characters, seed, byTask, rows };
  await writeFile(values.results, `${JSON.stringify(result, null, 1)}\n`);
}
process.exitCode = errors > 0 ? 1 : 0;
