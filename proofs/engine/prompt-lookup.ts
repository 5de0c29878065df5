/**
 * Prompt lookup against greedy decoding on prompts of Spec-Bench, SmolLM2-135M-Instruct in W8A8:
 *   npx tsx proofs/engine/prompt-lookup.ts [--samples 50] [--seed 0] [--model smollm2] [--tokens 128] [--data file] [--json]
 * Claims: the same tokens on every prompt, and less wall time on the summarization and on the coding prompts. Both
 * methods run in turn on each prompt, and who begins changes from prompt to prompt, so that a busy machine slows
 * both alike. Answers of code begin to repeat themselves after some 64 tokens. Exit code 1 when a claim does not
 * hold. Takes eight minutes.
 */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { generate, type Result } from '../../src/decode/generate.ts';
import { uniform } from '../../src/decode/random.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import { load } from '../../src/models/load.ts';

const question = z.object({
  question_id: z.number(),
  category: z.string(),
  turns: z.array(z.string()).min(1),
});
type Question = z.output<typeof question>;

/** Categories the claim about time is made for. */
const claimed = ['summarization', 'coding'];

async function readQuestions(file: string): Promise<Question[]> {
  const questions: Question[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line) questions.push(question.parse(JSON.parse(line)));
  }
  return questions;
}

/** Shuffled by the seed. */
function shuffled<T>(items: readonly T[], seed: number, stream: number): T[] {
  return items
    .map((item, position) => ({ item, order: uniform({ seed, stream, step: 0, position }) }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/** A quarter of the samples from each claimed category, as far as there are so many; then one of each in turn. */
function pick(questions: readonly Question[], samples: number, seed: number): Question[] {
  const categories = [...new Set(questions.map(({ category }) => category))];
  const pools = new Map(
    categories.map((name, stream) => {
      const own = questions.filter(({ category }) => category === name);
      return [name, shuffled(own, seed, stream)];
    }),
  );
  const picked = claimed.flatMap((name) => pools.get(name)?.splice(0, Math.ceil(samples / 4)) ?? []);
  while (picked.length < samples && [...pools.values()].some((pool) => pool.length > 0)) {
    for (const pool of pools.values()) {
      if (picked.length < samples) picked.push(...pool.splice(0, 1));
    }
  }
  return picked.slice(0, samples);
}

interface Comparison {
  category: string;
  promptTokens: number;
  identical: boolean;
  greedy: Result;
  lookup: Result;
}

async function compare(
  model: LanguageModel,
  { category, turns }: Question,
  maxTokens: number,
  lookupFirst: boolean,
): Promise<Comparison> {
  // What does not fit the context beside the answer is cut off.
  const room = model.config.contextLength - maxTokens;
  const text = model.chatTemplate!.render([{ role: 'user', content: turns[0] }], {
    addGenerationPrompt: true,
  });
  const tokens = model.tokenizer.encode(text, { addSpecialTokens: false }).slice(0, room);
  const run = (method: string) => generate(model, { tokens }, { method, maxTokens }).result;
  const first = await run(lookupFirst ? 'prompt-lookup' : 'greedy');
  const second = await run(lookupFirst ? 'greedy' : 'prompt-lookup');
  const [greedy, lookup] = lookupFirst ? [second, first] : [first, second];
  const identical = greedy.tokens.join() === lookup.tokens.join() && greedy.finish === lookup.finish;
  return { category, promptTokens: tokens.length, identical, greedy, lookup };
}

/** Totals over some comparisons; ratios are greedy's time over prompt lookup's. */
function summarize(category: string, comparisons: readonly Comparison[]) {
  const total = (of: (comparison: Comparison) => number) =>
    comparisons.reduce((sum, one) => sum + of(one), 0);
  const tokens = total(({ lookup }) => lookup.tokens.length);
  const forwards = total(({ lookup }) => lookup.forwards);
  const decoding = ({ seconds, firstTokenSeconds }: Result) => seconds - firstTokenSeconds;
  return {
    category,
    prompts: comparisons.length,
    identical: comparisons.every(({ identical }) => identical),
    tokens,
    forwards,
    tokensPerForward: tokens / forwards,
    wallTimeRatio: total(({ greedy }) => greedy.seconds) / total(({ lookup }) => lookup.seconds),
    /** Without reading the prompt, which both do alike. */
    decodeRatio: total(({ greedy }) => decoding(greedy)) / total(({ lookup }) => decoding(lookup)),
  };
}

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '50' },
    seed: { type: 'string', default: '0' },
    model: { type: 'string', default: 'smollm2' },
    tokens: { type: 'string', default: '128' },
    data: { type: 'string', default: '../shared/data/spec-bench/question.dev.jsonl' },
    json: { type: 'boolean', default: false },
  },
});
const [samples, seed, tokens] = [values.samples, values.seed, values.tokens].map((text) =>
  z.coerce.number().int().min(0).parse(text),
);

const picked = pick(await readQuestions(values.data), samples, seed);
await using model = await load(values.model);
const warmUp = { category: '', question_id: 0, turns: ['Hello'] };
await compare(model, warmUp, 8, false);
const comparisons: Comparison[] = [];
for (const [index, one] of picked.entries()) {
  if (process.stderr.isTTY) process.stderr.write(`\r${index + 1} of ${picked.length}`);
  comparisons.push(await compare(model, one, tokens, index % 2 === 1));
}
if (process.stderr.isTTY) process.stderr.write('\r');

const categories = [...new Set(comparisons.map(({ category }) => category))].map((name) =>
  summarize(
    name,
    comparisons.filter(({ category }) => category === name),
  ),
);
const all = summarize('all', comparisons);
const faster = claimed.every((name) =>
  categories.some((row) => row.category === name && row.wallTimeRatio > 1),
);
const holds = all.identical && faster;

if (values.json)
  console.log(JSON.stringify({ model: model.id, samples: picked.length, seed, holds, all, categories }));
else {
  console.log(
    'category         prompts  identical  tokens  forwards  tokens/forward  wall time  decoding alone',
  );
  for (const row of [...categories, all]) {
    console.log(
      [
        row.category.padEnd(16),
        String(row.prompts).padStart(7),
        (row.identical ? 'yes' : 'NO').padStart(10),
        String(row.tokens).padStart(7),
        String(row.forwards).padStart(9),
        row.tokensPerForward.toFixed(2).padStart(15),
        `${row.wallTimeRatio.toFixed(2)}x`.padStart(10),
        `${row.decodeRatio.toFixed(2)}x`.padStart(15),
      ].join(' '),
    );
  }
  console.log(`${holds ? 'holds' : 'FAILS'}: the same tokens as greedy; faster on ${claimed.join(' and ')}`);
}
process.exitCode = holds ? 0 : 1;
