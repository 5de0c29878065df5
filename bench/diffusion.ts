/**
 * `npm run bench:diffusion`: every canvas method, and some together, on the same unseen problems. Prints tables and, with
 * --name, writes bench/results/diffusion-<name>.json, which docs/benchmarks-diffusion.md and its picture are made from
 * (bench/diffusion/report.ts). A run that is stopped goes on with the same command.
 */

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createProgress } from '../src/cli/progress.ts';
import { methods } from '../src/decode/registry.ts';
import { QuickstepError } from '../src/errors.ts';
import type { LanguageModel } from '../src/models/language-model.ts';
import { load } from '../src/models/load.ts';
import { countdown, houseTasks, json, sorting, sudoku, wordProblems } from '../src/proofs/house-tasks.ts';
import { type Measurement, measure, type TaskLevel } from '../src/tasks/measure.ts';
import { findHouse } from '../src/weights/source-local.ts';
import { entries } from './diffusion/entries.ts';
import { readPartial, removePartial, settingsText, writePartial } from './diffusion/partial.ts';
import { diffusionTables } from './diffusion/report-text.ts';
import { decodingResults, diffusionResultsFile } from './diffusion/results.ts';
import { count, parseOptions, resultsName } from './options.ts';
import { loadWarning } from './results.ts';
import { asText } from './table.ts';
import { thisMachine } from './this-machine.ts';

/** What methods decode that come with a model of their own, and what those were made from. */
const madeFrom = 'house-diffusion';
const trained = new Set(
  [...methods.values()].flatMap(({ family, model }) =>
    family === 'masked-diffusion' && model && model !== madeFrom ? [model] : [],
  ),
);

const known = [wordProblems, countdown, json, sudoku, sorting];

const optionsOf = z.strictObject({
  tasks: z
    .string()
    .default(houseTasks.map(({ task }) => task).join(','))
    .describe(
      `Which tasks, separated by commas: ${known.map(({ task }) => task).join(', ')}; each at level 1.`,
    ),
  samples: count(300, 100_000).describe('Problems of each task.'),
  seed: z.coerce.number().int().default(1).describe('Which problems.'),
  batch: count(20, 1024).describe('Problems decoded at once.'),
  threads: count(2, 64).describe('Processor threads.'),
  model: z.string().default('house-diffusion').describe('Model id or path.'),
  name: resultsName.describe('Writes bench/results/diffusion-<name>.json.'),
});

/** @throws QuickstepError 'bad-option' for a task that is not there. */
function tasksOf(names: string): TaskLevel[] {
  return names.split(',').map((name) => {
    const found = known.find(({ task }) => task === name);
    if (found) return found;
    const hint = `Tasks: ${known.map(({ task }) => task).join(', ')}.`;
    throw new QuickstepError('bad-option', `There is no task "${name}" here.`, hint);
  });
}

/** Tells one set of weights from another. */
async function digestOf(model: string): Promise<string> {
  const weights = await readFile(join((await findHouse(model)) ?? model, 'model.safetensors'));
  return createHash('sha256').update(weights).digest('hex').slice(0, 12);
}

async function bench(): Promise<void> {
  const options = parseOptions(optionsOf, 'npm run bench:diffusion');
  if (!options) return;
  const { samples, seed, batch, threads, name } = options;
  const tasks = tasksOf(options.tasks);
  const before = loadavg()[0];
  const busy = loadWarning(before);
  if (busy) console.error(busy);
  const loaded = new Map<string, LanguageModel>();
  for (const id of [options.model, ...(options.model === madeFrom ? trained : [])])
    loaded.set(id, await load(id, { threads }));
  const model = loaded.get(options.model)!;
  const { precision } = model;
  const models: { id: string; digest: string }[] = [];
  for (const id of loaded.keys()) models.push({ id, digest: await digestOf(id) });
  const decodings = entries(model, loaded);
  const settings = settingsText({ models, precision, threads, seed, batch }, tasks, decodings);
  const partial = fileURLToPath(
    new URL(`../.cache/bench/diffusion-${name ?? 'unnamed'}.json`, import.meta.url),
  );
  const earlier = await readPartial(partial, settings, tasks, decodings);
  if (earlier) console.error('Going on from where an earlier run was stopped.');
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  const progress = createProgress(process.stderr, 'bench:diffusion', { unit: 'problems' });
  // One at a time, each of the latest.
  let writing = Promise.resolve();
  const save = (soFar: readonly Measurement[]) => {
    writing = writing.then(() => writePartial(partial, settings, soFar));
  };
  let measurements: Measurement[];
  try {
    measurements = await measure(model, tasks, decodings, {
      ...{ samples, seed, batch, known: earlier, signal: controller.signal, onBatch: save },
      onProgress: (finished, problems, label) => progress.update(finished, problems, label),
    });
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    process.stderr.write('\nStopped; the same command goes on from here.\n');
    process.exitCode = 130;
    return;
  } finally {
    progress.done();
    await writing;
    for (const one of loaded.values()) await one[Symbol.asyncDispose]();
  }
  const results = diffusionResultsFile.parse({
    date: new Date().toISOString(),
    machine: thisMachine([before, loadavg()[0]]),
    threads,
    models,
    precision,
    ...{ seed, samples, batch, tasks },
    decodings: decodingResults(measurements.map((one, d) => ({ ...one, decoding: decodings[d] }))),
  });
  if (name) {
    await mkdir(new URL('./results/', import.meta.url), { recursive: true });
    const text = `${JSON.stringify(results, null, 1)}\n`;
    await writeFile(new URL(`./results/diffusion-${name}.json`, import.meta.url), text);
  }
  await removePartial(partial);
  for (const table of diffusionTables(results)) console.log(`${asText(table)}\n`);
}

try {
  await bench();
} catch (error) {
  console.error(QuickstepError.isInstance(error) ? error.message : error);
  process.exitCode = 1;
}
