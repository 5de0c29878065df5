/**
 * `npm run bench:train`: one training step of Quickstep against PyTorch and jax-js on the same model and batches, in
 * one interleaved run. Prints tables and, with --name, writes bench/results/train-<name>.json, which
 * docs/benchmarks-train.md is made from (bench/train/report.ts).
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { QuickstepError } from '../src/errors.ts';
import { count, parseOptions, resultsName } from './options.ts';
import { installPeers } from './prepare.ts';
import { loadWarning } from './results.ts';
import { asText } from './table.ts';
import { thisMachine } from './this-machine.ts';
import { clocks } from './train/clock.ts';
import { isTorch, type TrainEngineId, trainEngineIds, trainEngines } from './train/engines.ts';
import { measureTraining } from './train/measure.ts';
import { headlines, productTable, stepTable } from './train/report-text.ts';
import { type TrainResults, trainResultsFile } from './train/results.ts';
import { readBatches, readModelShape, writeWorkload } from './train/workload.ts';

const optionsOf = z.strictObject({
  threads: count(2).describe('Threads of every engine.'),
  rounds: count(7).describe('Rounds over all engines.'),
  clock: z
    .enum(clocks)
    .default('wall')
    .describe('"cpu" counts processor time, for a machine that others use; with --threads 1.'),
  engines: z.string().default(trainEngineIds.join(',')).describe('Which engines, separated by commas.'),
  python: z
    .string()
    .optional()
    .describe('Python with torch and safetensors; PyTorch is left out without one.'),
  name: resultsName.describe('Writes bench/results/train-<name>.json.'),
});

/** The engines of a list; Quickstep always runs. @throws QuickstepError 'bad-option'. */
function chosenEngines(names: string): TrainEngineId[] {
  const asked = names.split(',');
  for (const name of asked) {
    if (trainEngineIds.some((id) => id === name)) continue;
    throw new QuickstepError(
      'bad-option',
      `There is no engine "${name}".`,
      `Engines: ${trainEngineIds.join(', ')}.`,
    );
  }
  return trainEngineIds.filter((id) => id === 'quickstep' || asked.includes(id));
}

async function bench(): Promise<void> {
  const options = parseOptions(optionsOf, 'npm run bench:train');
  if (!options) return;
  const { threads, rounds, clock, python, name } = options;
  if (clock === 'cpu' && threads > 1)
    throw new QuickstepError(
      'bad-option',
      'Threads that wait for each other burn processor time.',
      'Give --threads 1 with --clock cpu.',
    );
  const report = (line: string) => console.error(line);
  const asked = chosenEngines(options.engines);
  const ids = asked.filter((id) => python !== undefined || !isTorch(id));
  const missing: TrainResults['missing'] = {};
  for (const id of asked.filter((id) => !ids.includes(id))) {
    missing[id] = 'no Python was given; --python <path> names one that has torch and safetensors';
    report(`${trainEngines[id].label} is left out: ${missing[id]}.`);
  }
  if (ids.some((id) => id.startsWith('jax'))) await installPeers('@jax-js/jax', report);
  const busy = loadWarning(loadavg()[0]);
  if (busy && clock === 'wall') report(busy);
  const folder = await mkdtemp(join(tmpdir(), 'quickstep-bench-train-'));
  try {
    await writeWorkload(folder);
    const measured = await measureTraining(ids, { folder, threads, python }, { rounds, clock }, report);
    const { load, ...figures } = measured;
    const { step, small } = await readBatches(folder);
    const shapes = (batches: typeof step) => batches.map(({ sequences, rows }) => ({ sequences, rows }));
    const results = trainResultsFile.parse({
      ...figures,
      date: new Date().toISOString(),
      machine: thisMachine(load),
      threads,
      clock,
      model: await readModelShape(folder),
      batches: { step: shapes(step), small: shapes(small) },
      missing: { ...missing, ...figures.missing },
    });
    if (name) {
      await mkdir(new URL('./results/', import.meta.url), { recursive: true });
      const text = `${JSON.stringify(results, null, 1)}\n`;
      await writeFile(new URL(`./results/train-${name}.json`, import.meta.url), text);
    }
    for (const table of [stepTable(results, 'step'), stepTable(results, 'small'), productTable(results)])
      console.log(`${asText(table)}\n`);
    for (const line of headlines(results)) console.log(line);
  } finally {
    await rm(folder, { recursive: true });
  }
}

try {
  await bench();
} catch (error) {
  console.error(QuickstepError.isInstance(error) ? error.message : error);
  process.exitCode = 1;
}
