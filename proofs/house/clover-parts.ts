/**
 * What the parts of Clover's heads are worth on house-causal: the whole, one without the augmenting layer, one that is not
 * told the token guessed before, and Medusa's heads, each trained on the same answers in as many steps; then tokens for each
 * forward on problems of the test split, by how many tokens are drafted in a step.
 *   npx tsx proofs/house/clover-parts.ts [--out runs] [--answers runs/house-clover] [--steps 600] [--samples 25]
 *     [--seed 2026] [--threads 2]
 * Runs go on where they were stopped. Cards with the heads' accuracies: `<out>/<name>/model`.
 */

import { copyFile, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { load } from '../../src/models/load.ts';
import { countdown, json, sorting, sudoku, wordProblems } from '../../src/proofs/house-tasks.ts';
import { type Decoding, measure, totalsOf } from '../../src/tasks/measure.ts';
import { type CloverParts, houseClover, houseCloverOf } from '../../src/train/recipes/clover.ts';
import { houseMedusa } from '../../src/train/recipes/medusa.ts';
import { trainRecipe } from '../../src/train/train-recipe.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs' },
    answers: { type: 'string' },
    steps: { type: 'string', default: '600' },
    samples: { type: 'string', default: '25' },
    seed: { type: 'string', default: '2026' },
    threads: { type: 'string', default: '2' },
  },
});

const control = (slug: string, parts: CloverParts) =>
  houseCloverOf({ slug, title: slug, summary: slug }, parts);

const variants = [
  { method: 'clover', recipe: control('clover-no-layer', { augmenting: false }) },
  { method: 'clover', recipe: control('clover-no-token', { regressive: false }) },
  { method: 'clover', recipe: houseClover },
  { method: 'medusa', recipe: houseMedusa },
];

let { answers } = values;
const decodings: Decoding[] = [];
for (const { method, recipe } of variants) {
  const folder = join(values.out, recipe.slug);
  await mkdir(folder, { recursive: true });
  for (const name of ['answers.jsonl', 'answers-states.f16'])
    if (answers && resolve(answers) !== resolve(folder))
      await copyFile(join(answers, name), join(folder, name));
  const [steps, threads] = [Number(values.steps), Number(values.threads)];
  const { model, log } = await trainRecipe(recipe, { folder, steps, threads, seed: recipe.seed });
  answers ??= folder;
  console.log(`${model}: loss ${log.at(-1)?.loss.toFixed(3)}`);
  for (const nodes of [4, 8, 16])
    decodings.push({
      label: `${recipe.slug}, ${nodes}`,
      method,
      options: { heads: model, lookup: false, nodes, size: 'fixed' },
    });
}

await using model = await load('house-causal');
const tasks = [wordProblems, countdown, json, sudoku, sorting];
const [samples, seed] = [Number(values.samples), Number(values.seed)];
for (const { decoding, tasks: measured } of await measure(model, tasks, decodings, { samples, seed }))
  console.log(
    `${decoding.label.padEnd(24)} ${totalsOf(measured).tokensPerForward.toFixed(3)} tokens a forward`,
  );
