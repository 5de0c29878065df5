/**
 * `npm run bench:speculative`: our speculative methods against our greedy decoding, llama.cpp's, and its lookup drafts, on
 * questions of Spec-Bench, in one interleaved run. Prints tables and, with --name, writes
 * bench/results/speculative-<name>.json, which docs/benchmarks-speculative.md and its picture are made from
 * (bench/speculative/report.ts). `--help` lists the options.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createProgress } from '../src/cli/progress.ts';
import { QuickstepError } from '../src/errors.ts';
import { chatTemplateOf } from '../src/models/load-checkpoint.ts';
import { tokenizerOf } from '../src/text/load.ts';
import { openCheckpoint } from '../src/weights/checkpoint.ts';
import { type EngineId, engines } from './engines/index.ts';
import { count, parseOptions, resultsName } from './options.ts';
import { prepare } from './prepare.ts';
import { loadWarning } from './results.ts';
import { pickQuestions, readQuestions, type SpecQuestion } from './speculative/questions.ts';
import { speculativeTables } from './speculative/report-text.ts';
import { answerResult, type SpeculativeResults, speculativeResultsFile } from './speculative/results.ts';
import { systems as allSystems } from './speculative/systems.ts';
import { asText } from './table.ts';
import { thisMachine } from './this-machine.ts';
import { versionOf } from './versions.ts';
import { Worker } from './worker.ts';

const optionsOf = z.strictObject({
  data: z
    .string()
    .default('../shared/data/spec-bench/question.dev.jsonl')
    .describe("Spec-Bench's question.jsonl, which is not part of the package."),
  samples: count(48, 480).describe('Questions, equally many of each of its six tasks.'),
  tokens: count(96, 1024).describe('Longest answer, in tokens.'),
  seed: z.coerce.number().int().default(0).describe('Which questions.'),
  threads: count(2).describe('Threads of every engine.'),
  without: z
    .string()
    .optional()
    .describe('Leaves out systems whose label has one of these words, separated by commas: "nodes,alone".'),
  python: z.string().optional().describe('Python that has the packages named in the scripts of tools/.'),
  name: resultsName.describe('Writes bench/results/speculative-<name>.json.'),
});

/** Tokens of questions in the model's chat template; what is too long for the context loses its end. */
async function encoder(path: string): Promise<(question: SpecQuestion, room: number) => number[]> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { tokenizer, chatTemplate } = tokenizerOf(checkpoint.tokenizer!, checkpoint.generationConfig);
    const template = chatTemplateOf(chatTemplate, tokenizer)!;
    return ({ text }, room) => {
      const prompt = template.render([{ role: 'user', content: text }], { addGenerationPrompt: true });
      return tokenizer.encode(prompt, { addSpecialTokens: false }).slice(0, room);
    };
  } finally {
    await checkpoint.close();
  }
}

/** Longest prompt and answer. */
const contextLength = 2048;

async function bench(): Promise<void> {
  const options = parseOptions(optionsOf, 'npm run bench:speculative');
  if (!options) return;
  const { samples, tokens: maxTokens, seed, threads, name, python } = options;
  const left = options.without?.split(',') ?? [];
  const systems = allSystems.filter(({ label }, n) => n === 0 || !left.some((word) => label.includes(word)));
  const picked = pickQuestions(await readQuestions(options.data), samples, seed);
  const before = loadavg()[0];
  const busy = loadWarning(before);
  if (busy) console.error(busy);
  const report = (line: string) => console.error(line);
  const paths = await prepare({ python, exportOnnx: false, report });
  const encode = await encoder(paths.checkpoint!);
  const workers = new Map<EngineId, Worker>();
  const progress = createProgress(process.stderr, 'bench:speculative', { unit: 'questions' });
  const questions: SpeculativeResults['questions'] = [];
  try {
    for (const { engine } of systems) {
      if (workers.has(engine)) continue;
      const worker = new Worker();
      workers.set(engine, worker);
      const path = paths[engines[engine].weights]!;
      await worker.ask({ kind: 'load', engine, options: { path, threads, contextLength } });
    }
    const ask = async (system: number, prompt: readonly number[], most: number) => {
      const { engine, drafts } = systems[system];
      const question = { kind: 'answer', prompt, maxTokens: most, drafts } as const;
      const numbers = await workers.get(engine)!.ask(question);
      // Time for the threads of this engine to stop spinning.
      await sleep(60);
      return answerResult(numbers);
    };
    const warmUp = encode({ id: 0, task: '', text: 'Hello' }, contextLength);
    for (const system of systems.keys()) await ask(system, warmUp, 8);
    for (const [n, question] of picked.entries()) {
      progress.update(n, picked.length);
      const prompt = encode(question, contextLength - maxTokens);
      const answers: SpeculativeResults['questions'][number]['answers'] = [];
      // Who begins changes, so that a machine that slows down slows all alike.
      for (let i = 0; i < systems.length; i++) {
        const system = (n + i) % systems.length;
        answers[system] = await ask(system, prompt, maxTokens);
      }
      questions.push({ id: question.id, task: question.task, promptTokens: prompt.length, answers });
    }
    progress.update(picked.length, picked.length);
  } finally {
    progress.done();
    for (const worker of workers.values()) await worker[Symbol.asyncDispose]();
  }
  const results = speculativeResultsFile.parse({
    date: new Date().toISOString(),
    machine: thisMachine([before, loadavg()[0]]),
    threads,
    model: 'SmolLM2-135M-Instruct',
    ...{ maxTokens, seed },
    versions: {
      'onnxruntime-node': await versionOf('../node_modules/onnxruntime-node/package.json'),
      'node-llama-cpp': await versionOf('./node_modules/node-llama-cpp/package.json'),
    },
    systems: systems.map(({ label, lossless }) => ({ label, lossless })),
    questions,
  });
  if (name) {
    await mkdir(new URL('./results/', import.meta.url), { recursive: true });
    const text = `${JSON.stringify(results)}\n`;
    await writeFile(new URL(`./results/speculative-${name}.json`, import.meta.url), text);
  }
  for (const table of speculativeTables(results)) console.log(`${asText(table)}\n`);
}

try {
  await bench();
} catch (error) {
  console.error(QuickstepError.isInstance(error) ? error.message : error);
  process.exitCode = 1;
}
