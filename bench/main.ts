/**
 * `npm run bench`: Quickstep against node-llama-cpp and transformers.js on the same weights, in one interleaved
 * run. Prints tables (or JSON with --json) and writes bench/results/<name>.json, which docs/benchmarks.md is made
 * from. `--help` lists the options.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { z } from 'zod';
import { QuickstepError } from '../src/errors.ts';
import { parseLlamaConfig } from '../src/models/config.ts';
import { openCheckpoint } from '../src/weights/checkpoint.ts';
import { bars } from './bars.ts';
import { engineIds, engines } from './engines/index.ts';
import { measure } from './measure.ts';
import { count, parseOptions, resultsName } from './options.ts';
import { prepare } from './prepare.ts';
import { loadWarning, type Results, resultsFile } from './results.ts';
import { asText, rowRatios, tables } from './table.ts';
import { versionOf } from './versions.ts';

const optionsOf = z.strictObject({
  quick: z
    .boolean()
    .default(false)
    .describe('One short round without load and memory, about two minutes; for orientation.'),
  json: z.boolean().default(false).describe('Print the results file instead of tables.'),
  threads: count(2).describe('Threads of every engine.'),
  rounds: count(5).describe('Rounds over all questions.'),
  engines: z.string().default(engineIds.join(',')).describe('Which engines, separated by commas.'),
  name: resultsName.describe(
    'Name of the results file; default: the date. A quick run is only written with a name.',
  ),
  model: z.string().optional().describe('A .gguf file; default: SmolLM2-135M-Instruct.'),
  python: z.string().optional().describe('Python that has the packages named in the scripts of tools/.'),
  'export-onnx': z.boolean().default(false).describe('Make the ONNX export of transformers.js if missing.'),
});

/** What the roofline needs to know of the model. */
async function describeModel(path: string): Promise<Results['model']> {
  const checkpoint = await openCheckpoint(path);
  try {
    const config = parseLlamaConfig(checkpoint.config);
    const { layers, heads, kvHeads, headDim, hiddenSize, intermediateSize, vocabSize } = config;
    const attention = (2 * heads + 2 * kvHeads) * headDim * hiddenSize;
    const layerWeights = layers * (attention + 3 * hiddenSize * intermediateSize);
    const id = path.split(/[\\/]/).at(-1)!;
    return { id, layers, heads, kvHeads, headDim, layerWeights, headWeights: vocabSize * hiddenSize };
  } finally {
    await checkpoint.close();
  }
}

async function bench(): Promise<void> {
  const options = parseOptions(optionsOf, 'npm run bench');
  if (!options) return;
  const report = (line: string) => console.error(line);
  const paths = await prepare({ ...options, exportOnnx: options['export-onnx'], report });
  const asked = options.engines.split(',').map((name) => {
    const id = engineIds.find((id) => id === name);
    if (id) return id;
    throw new QuickstepError(
      'bad-option',
      `There is no engine "${name}".`,
      `Engines: ${engineIds.join(', ')}.`,
    );
  });
  const ids = asked.filter((id) => paths[engines[id].weights] !== undefined);
  if (ids.length < asked.length) {
    report(
      'transformers.js is left out: there is no ONNX export; make it once with --export-onnx --python <path>.',
    );
  }
  const settings = options.quick
    ? { threads: options.threads, rounds: 1, tokens: 16, repeats: 3, rowsContext: 512, loads: 0 }
    : {
        threads: options.threads,
        rounds: options.rounds,
        tokens: 32,
        repeats: 5,
        rowsContext: 512,
        loads: 2,
      };
  const busy = loadWarning(loadavg()[0]);
  if (busy) report(busy);
  const { measurements, machine, load } = await measure(ids, paths, settings, report);
  const { threads, rounds, tokens, rowsContext } = settings;
  const results: Results = resultsFile.parse({
    date: new Date().toISOString(),
    quick: options.quick,
    machine: {
      processor: cpus()[0].model.trim(),
      cores: cpus().length,
      memory: totalmem(),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
      load,
      ...machine,
    },
    model: await describeModel(paths.checkpoint!),
    settings: { threads, rounds, tokens, rowsContext },
    versions: {
      'onnxruntime-node': await versionOf('../node_modules/onnxruntime-node/package.json'),
      'node-llama-cpp': await versionOf('./node_modules/node-llama-cpp/package.json'),
      '@huggingface/transformers': await versionOf('./node_modules/@huggingface/transformers/package.json'),
    },
    measurements,
  });
  const name = options.name ?? (options.quick ? undefined : results.date.slice(0, 10));
  if (name) {
    await mkdir(new URL('./results/', import.meta.url), { recursive: true });
    const text = `${JSON.stringify(results, null, 1)}\n`;
    await writeFile(new URL(`./results/${name}.json`, import.meta.url), text);
  }
  if (options.json) console.log(JSON.stringify(results));
  else print(results);
}

function print(results: Results): void {
  const { machine } = results;
  const giga = (value: number) => (value / 1e9).toFixed(0);
  console.log(
    `${machine.processor}, ${machine.cores} cores, ${results.settings.threads} threads, load ${machine.load
      .map((load) => load.toFixed(1))
      .join(
        ' ',
      )}\nmemory ${giga(machine.bandwidth)} GB/s, fp32 ${giga(machine.fp32)} GFLOPS, int8 ${giga(machine.int8)} GOPS`,
  );
  for (const table of [...tables(results), rowRatios(results)]) console.log(`\n${asText(table)}`);
  console.log('');
  for (const { claim, ratio, holds } of bars(results)) {
    const verdict = holds === undefined ? '?' : holds ? 'yes' : 'NO';
    console.log(
      `${verdict.padEnd(4)} ${ratio === undefined ? '' : `${ratio.toFixed(2)}x`.padEnd(7)} ${claim}`,
    );
  }
}

try {
  await bench();
} catch (error) {
  console.error(QuickstepError.isInstance(error) ? error.message : error);
  process.exitCode = 1;
}
