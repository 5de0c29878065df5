/**
 * The house models on problems of the test split, against the bars they were made for:
 *   npx tsx proofs/house/models.ts [--samples 500] [--seed 7] [--models house-causal,house-draft,house-diffusion] [--json]
 * house-causal and house-draft decode greedily, house-diffusion one token a step. house-draft is also asked for its
 * greedy token at each place of house-causal's answers. Exit code 1 when a bar is missed. Takes some minutes.
 */

import { parseArgs } from 'node:util';
import { generateBatch, promptTokens } from '../../src/decode/generate.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import { load } from '../../src/models/load.ts';
import {
  type Evaluation,
  evaluate,
  evaluationPrompt,
  findTask,
  tasks,
  testProblems,
} from '../../src/tasks/index.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '500' },
    seed: { type: 'string', default: '7' },
    models: { type: 'string', default: 'house-causal,house-draft,house-diffusion' },
    json: { type: 'boolean', default: false },
  },
});
const [samples, seed] = [Number(values.samples), Number(values.seed)];

/** Least accuracy by model, task and level; other levels are only reported. */
const bars: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'house-causal': {
    'word-problems 1': 0.9,
    'word-problems 2': 0.9,
    'countdown 1': 0.5,
    'countdown 2': 0.5,
    'sudoku 1': 0.95,
    'json 1': 0.98,
    'sorting 1': 0.98,
  },
  'house-diffusion': {
    'word-problems 1': 0.8,
    'word-problems 2': 0.8,
    'countdown 1': 0.5,
    'countdown 2': 0.5,
    'sudoku 1': 0.9,
    'json 1': 0.95,
    'sorting 1': 0.95,
  },
};
const agreementBar = 0.75;

/** Tokens that hold every answer of a level, its end token included; for diffusion the canvas. */
const answerRoom: Readonly<Record<string, readonly number[]>> = {
  'word-problems': [32, 48, 64, 80],
  countdown: [24, 24, 32, 32],
  sudoku: [24, 24, 24],
  json: [32, 48, 48],
  sorting: [32, 48, 64],
};

interface Row extends Evaluation {
  bar: number | null;
}

async function accuracies(model: LanguageModel): Promise<Row[]> {
  const rows: Row[] = [];
  for (const task of tasks.values()) {
    for (const { level } of task.levels) {
      const maxTokens = answerRoom[task.slug][level - 1];
      const set = testProblems(task, { seed, level });
      const result = await evaluate(model, set, { samples, batch: 25, maxTokens });
      const row = { ...result, bar: bars[model.id]?.[`${task.slug} ${level}`] ?? null };
      rows.push(row);
      report(row);
    }
  }
  return rows;
}

/** Share of house-causal's greedy answer tokens that the draft would have chosen at the same place. */
async function agreement(target: LanguageModel, draft: LanguageModel): Promise<number> {
  let [same, all] = [0, 0];
  for (const task of tasks.values()) {
    const set = testProblems(findTask(task.slug), { seed, level: 1 });
    const prompts = Array.from({ length: Math.ceil(samples / tasks.size) }, (_, i) =>
      evaluationPrompt(target, [], set.at(i)),
    );
    const results = await generateBatch(target, prompts, { maxTokens: 128 }).result;
    for (const [i, { tokens: answer }] of results.entries()) {
      const prompt = promptTokens(draft, prompts[i]);
      const cache = draft.newCache();
      const tokens = [...prompt, ...answer.slice(0, -1)];
      const scored = answer.map((_, n) => prompt.length - 1 + n);
      const { scores } = await draft.forward(cache, [
        { sequence: cache.slots.createSequence(), tokens, scored },
      ]);
      answer.forEach((token, n) => {
        if (scores[0].topToken(n) === token) same++;
      });
      all += answer.length;
    }
  }
  return same / all;
}

function report({ model, task, level, accuracy, low, high, bar, forwards, samples: asked }: Row): void {
  if (values.json) return;
  const percent = (x: number) => `${(100 * x).toFixed(1)}%`.padStart(6);
  const verdict = bar === null ? '' : `  bar ${percent(bar)} ${accuracy >= bar ? 'holds' : 'MISSED'}`;
  const interval = `[${percent(low)}, ${percent(high)}]`;
  console.log(
    `${model.padEnd(16)} ${task.padEnd(14)} ${level} ${percent(accuracy)} ${interval} ${(forwards / asked).toFixed(1).padStart(5)} forwards${verdict}`,
  );
}

const rows: Row[] = [];
let agreed: number | undefined;
for (const id of values.models.split(',')) {
  await using model = await load(id);
  rows.push(...(await accuracies(model)));
  if (id !== 'house-draft') continue;
  await using target = await load('house-causal');
  agreed = await agreement(target, model);
  if (!values.json)
    console.log(`house-draft agrees with house-causal on ${(100 * agreed).toFixed(1)}% of answer tokens`);
}
const holds =
  rows.every(({ accuracy, bar }) => bar === null || accuracy >= bar) && (agreed ?? 1) >= agreementBar;
if (values.json)
  console.log(JSON.stringify({ samples, seed, rows, agreement: agreed ?? null, holds }, null, 1));
process.exitCode = holds ? 0 : 1;
