/**
 * The losses of draft alignment against each other: a draft model for house-causal is fine-tuned with each, from the same
 * weights on the same answers in the same order, and then drafts on unseen problems (speculative sampling, `resample`).
 *   npx tsx proofs/house/draft-losses.ts [--out runs/draft-losses] [--losses kl,tvd++] [--seeds 5,6,7] [--steps 40]
 *     [--rate 1e-3] [--draft house-draft] [--width 64] [--layers 1] [--pretraining 400] [--samples 6]
 *     [--temperatures 1,0.7] [--length 3] [--threads 1]
 * It begins with a narrow draft that it pretrains first, or with `--draft`. Each seed has answers to learn from and problems
 * to be measured on of its own, `--samples` of every level of the tasks that the models learned. Differences are to KL, with 95% intervals from a
 * bootstrap over the problems. Runs go on where they were stopped. Exit code 1 unless TVD++ is at least as good as KL.
 */

import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { load } from '../../src/models/load.ts';
import { TaskRandom } from '../../src/tasks/random.ts';
import type { DistillationLoss } from '../../src/train/distillation.ts';
import { cachedLines } from '../../src/train/line-cache.ts';
import type { Recipe } from '../../src/train/recipe.ts';
import { causalRecipe } from '../../src/train/recipes/house-causal.ts';
import { alignedRecipe } from '../../src/train/recipes/house-draft-aligned.ts';
import { trainRecipe } from '../../src/train/train-recipe.ts';
import { answersByTask, blockEfficiency, type Cost, costOf, learnedTasks } from './block-efficiency.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/draft-losses' },
    losses: { type: 'string', default: 'kl,tvd++,tvd,reverse-kl' },
    seeds: { type: 'string', default: '5,6,7' },
    steps: { type: 'string', default: '40' },
    rate: { type: 'string', default: '1e-3' },
    draft: { type: 'string' },
    width: { type: 'string', default: '64' },
    layers: { type: 'string', default: '1' },
    pretraining: { type: 'string', default: '400' },
    samples: { type: 'string', default: '6' },
    temperatures: { type: 'string', default: '1,0.7' },
    length: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
  },
});
const numbers = (list: string) => list.split(',').map(Number);
const losses = values.losses.split(',') as DistillationLoss[];
const [seeds, temperatures] = [numbers(values.seeds), numbers(values.temperatures)];
const [width, samples, threads] = [values.width, values.samples, values.threads].map(Number);

/** Trains in a folder of its own; the path of the model. */
async function trained(recipe: Recipe, folder: string, seed: number, steps: string): Promise<string> {
  const { log, model } = await trainRecipe(recipe, {
    ...{ folder, seed, threads, steps: Number(steps) },
    onStep({ step, loss, metrics: { acceptance }, seconds }) {
      if (step % 25 > 0) return;
      const accepted = acceptance === undefined ? '' : `, acceptance ${acceptance.toFixed(4)}`;
      console.error(`${folder} ${step}: ${loss.toFixed(4)}${accepted}, ${seconds.toFixed(1)} s`);
    },
  });
  const { acceptance } = log.at(-1)!.metrics;
  if (acceptance !== undefined) console.error(`${model}: acceptance ${acceptance.toFixed(4)}`);
  return model;
}

/** The draft before its alignment. */
async function pretrained(): Promise<string> {
  const slug = `draft-${values.width}x${values.layers}`;
  const recipe = causalRecipe({
    ...{ slug, title: slug, summary: slug, learningRate: 6e-3, steps: Number(values.pretraining) },
    size: {
      hiddenSize: width,
      intermediateSize: Math.round(2.5 * width),
      layers: Number(values.layers),
      heads: Math.max(1, width / 32),
    },
  });
  return await trained(recipe, join(values.out, slug), recipe.seed, values.pretraining);
}

/** Models of a seed by what they were trained with. */
async function modelsOf(draft: string, seed: number): Promise<Map<string, string>> {
  const folder = join(values.out, `seed-${seed}`);
  const models = new Map([['pretrained', draft]]);
  let answers: string | undefined;
  for (const loss of losses) {
    const own = join(folder, loss);
    await mkdir(own, { recursive: true });
    // The answers depend on target and seed alone.
    const file = join(own, 'answers.jsonl');
    if (answers) await copyFile(answers, file);
    answers = file;
    const slug = `draft-${loss.replaceAll('+', 'plus')}`;
    const names = { slug, title: slug, summary: slug };
    const learningRate = Number(values.rate);
    const recipe = alignedRecipe({ ...names, draft, target: 'house-causal', loss, learningRate });
    models.set(loss, await trained(recipe, own, seed, values.steps));
  }
  return models;
}

/** Costs of the answers by what the draft was trained with, of all seeds one after the other. */
type Costs = Map<string, Cost[][]>;

await mkdir(values.out, { recursive: true });
const random = new TaskRandom(2024, 0xb007);
random.reset(0, 0);

/** 95% interval of how much more efficient `ours` is than `theirs`: problems drawn again, the same for both. */
function interval(ours: readonly Cost[], theirs: readonly Cost[]): [low: number, high: number] {
  const differences = Array.from({ length: 2000 }, () => {
    const drawn = ours.map(() => random.below(ours.length));
    const of = (costs: readonly Cost[]) => blockEfficiency(drawn.map((i) => costs[i]));
    return of(ours) - of(theirs);
  }).sort((a, b) => a - b);
  return [differences[49], differences[1949]];
}

await using target = await load('house-causal', { threads });

const costSchema = z.object({ tokens: z.int(), forwards: z.int() });

/** What the answers to a seed's problems cost with a draft; kept in its folder. */
async function costsWith(path: string, folder: string, seed: number, temperature: number): Promise<Cost[]> {
  const decoded = async () => {
    await using drafter = await load(path, { threads });
    const method = { draftTokens: Number(values.length), length: 'fixed', accept: 'resample' };
    const options = { method: 'draft-alignment', methodOptions: method, temperature, draft: drafter };
    const answers = await answersByTask(target, { samples, seed }, options);
    return [...answers.values()].flat().map(costOf);
  };
  const count = samples * learnedTasks.reduce((sum, { levels }) => sum + levels.length, 0);
  await mkdir(folder, { recursive: true });
  return await cachedLines({
    path: join(folder, `costs-${temperature}.jsonl`),
    identity: { draft: path, seed, temperature, samples, length: values.length },
    ...{ count, batch: count, schema: costSchema, make: decoded },
  });
}

const draft = values.draft ?? (await pretrained());
const byTemperature = new Map<number, Costs>(temperatures.map((t) => [t, new Map()]));
for (const seed of seeds) {
  for (const [name, path] of await modelsOf(draft, seed)) {
    for (const [temperature, costs] of byTemperature) {
      const own = await costsWith(path, join(values.out, `seed-${seed}`, name), seed, temperature);
      costs.set(name, [...(costs.get(name) ?? []), own]);
      console.error(`seed ${seed}, ${name}, T=${temperature}: ${blockEfficiency(own).toFixed(3)}`);
    }
  }
}

let holds = true;
const rows: object[] = [];
for (const [temperature, costs] of byTemperature) {
  console.log(`\ntemperature ${temperature}, drafts of ${values.length}: tokens a forward`);
  const distilled = costs.get('kl')?.flat();
  for (const [loss, bySeed] of costs) {
    const all = bySeed.flat();
    const [efficiency, ...ofSeeds] = [all, ...bySeed].map(blockEfficiency);
    const each = ofSeeds.map((x) => x.toFixed(3)).join(' ');
    const [low, high] = distilled ? interval(all, distilled) : [];
    const against =
      distilled && loss !== 'kl'
        ? `${(efficiency - blockEfficiency(distilled)).toFixed(3)} [${low!.toFixed(3)}, ${high!.toFixed(3)}]`
        : '';
    console.log(`${loss.padEnd(15)} ${efficiency.toFixed(3)}  (${each})  ${against}`);
    rows.push({ temperature, loss, efficiency, ofSeeds, low, high });
    if (loss === 'tvd++' && distilled) holds &&= efficiency >= blockEfficiency(distilled);
  }
}
await writeFile(join(values.out, 'results.json'), `${JSON.stringify(rows, null, 1)}\n`);
process.exitCode = holds ? 0 : 1;
