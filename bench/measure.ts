/**
 * The interleaved run: all engines stay loaded, each in its own process, and take turns question by question, in
 * another order each round, so that a change of the machine's speed hits all of them alike. Loading and peak memory
 * are measured in fresh processes.
 */

import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineOptions, Question } from './engines/engine.ts';
import { type EngineId, engines, type WeightsKind } from './engines/index.ts';
import type { Measurement } from './results.ts';
import { batchPrompt } from './roofline.ts';
import { Worker } from './worker.ts';

export interface Settings {
  threads: number;
  rounds: number;
  /** Tokens decoded for one figure. */
  tokens: number;
  /** Forwards of one figure of `rows`. */
  repeats: number;
  /** Cached tokens under the rows. */
  rowsContext: number;
  /** Fresh processes per engine for load time and peak memory. */
  loads: number;
}

export interface Measured {
  measurements: Measurement[];
  /** Bandwidth and peaks, the best over the rounds. */
  machine: { bandwidth: number; fp32: number; int8: number };
  /** Load averages: before, and after each round. */
  load: number[];
}

/** What a question's answer says, as named figures. */
interface Item {
  question: Question;
  figures: { from: string; name: Measurement['name']; size: number; unit: Measurement['unit'] }[];
}

const contexts = [64, 128, 512, 2048];
const rowCounts = [1, 2, 4, 8, 16, 32, 64];
const batchSizes = [1, 4, 16];

/** Everything one engine is asked in one round. */
function plan({ tokens, repeats, rowsContext }: Settings): Item[] {
  return [
    ...contexts.map((prompt): Item => {
      const prefill = { from: 'first', name: 'prefill', size: prompt, unit: 'ms' } as const;
      const decode = { from: 'token', name: 'decode', size: prompt, unit: 'ms' } as const;
      return { question: { kind: 'generate', prompt, tokens }, figures: [prefill, decode] };
    }),
    {
      question: { kind: 'rows', context: rowsContext, rows: rowCounts, repeats },
      figures: rowCounts.map((size) => ({ from: String(size), name: 'rows', size, unit: 'ms' })),
    },
    ...batchSizes.map((sequences): Item => {
      const figure = { from: 'rate', name: 'batch', size: sequences, unit: 'tokens/s' } as const;
      return { question: { kind: 'batch', sequences, prompt: batchPrompt, tokens }, figures: [figure] };
    }),
  ];
}

/** Time for the threads of the engine that answered last to stop spinning. */
const settle = () => sleep(60);

/** Figures by engine, name and size; one value per round. */
class Figures {
  readonly #byKey = new Map<string, Measurement>();

  add(engine: EngineId, figure: Omit<Measurement, 'engine' | 'values'>, value: number): void {
    const { name, size, unit } = figure;
    const key = `${engine} ${name} ${size}`;
    const known = this.#byKey.get(key);
    if (known) known.values.push(value);
    else this.#byKey.set(key, { engine, name, size, unit, values: [value] });
  }

  get list(): Measurement[] {
    return [...this.#byKey.values()];
  }
}

/** What the parts of a run share. */
interface Context {
  ids: readonly EngineId[];
  settings: Settings;
  figures: Figures;
  optionsOf(engine: EngineId): EngineOptions;
  report(line: string): void;
}

/**
 * Runs the benchmark.
 * @param paths Weights by kind; engines whose weights are missing must not be in `ids`.
 * @throws Error when an engine fails: a comparison without it would be another one.
 */
export async function measure(
  ids: readonly EngineId[],
  paths: Readonly<Record<WeightsKind, string | undefined>>,
  settings: Settings,
  report: (line: string) => void,
): Promise<Measured> {
  const figures = new Figures();
  const optionsOf = (engine: EngineId): EngineOptions => ({
    path: paths[engines[engine].weights]!,
    threads: settings.threads,
    contextLength: Math.max(...contexts) + Math.max(settings.tokens, ...rowCounts),
  });
  const context = { ids, settings, figures, optionsOf, report };
  const before = loadavg()[0];
  await measureLoading(context);
  const { machine, load } = await measureInTurns(context);
  return { measurements: figures.list, machine, load: [before, ...load] };
}

/** Load time, and peak memory after a prompt of 512 tokens, in fresh processes. */
async function measureLoading({ ids, settings, figures, optionsOf, report }: Context): Promise<void> {
  for (let i = 0; i < settings.loads; i++) {
    for (const engine of ids) {
      report(`load and memory, ${i + 1} of ${settings.loads}: ${engines[engine].label}`);
      await using worker = new Worker();
      const { load } = await worker.ask({ kind: 'load', engine, options: optionsOf(engine) });
      await worker.ask({ kind: 'generate', prompt: 512, tokens: 16 });
      const { peak } = await worker.ask({ kind: 'memory' });
      figures.add(engine, { name: 'load', size: 0, unit: 'ms' }, load);
      figures.add(engine, { name: 'memory', size: 0, unit: 'bytes' }, peak);
    }
  }
}

/** Everything else: each question goes to one engine after the other. */
async function measureInTurns({ ids, settings, figures, optionsOf, report }: Context) {
  const prober = new Worker();
  const workers = new Map(ids.map((engine) => [engine, new Worker()]));
  try {
    for (const [engine, worker] of workers) {
      report(`starting ${engines[engine].label}`);
      await worker.ask({ kind: 'load', engine, options: optionsOf(engine) });
      await worker.ask({ kind: 'generate', prompt: 64, tokens: 8 });
    }
    const machine = { bandwidth: 0, fp32: 0, int8: 0 };
    const load: number[] = [];
    for (let round = 0; round < settings.rounds; round++) {
      const probed = await prober.ask({ kind: 'machine', threads: settings.threads });
      for (const key of ['bandwidth', 'fp32', 'int8'] as const) {
        machine[key] = Math.max(machine[key], probed[key]);
      }
      const turn = round % ids.length;
      const order = [...ids.slice(turn), ...ids.slice(0, turn)];
      for (const item of plan(settings)) {
        report(`round ${round + 1} of ${settings.rounds}: ${describe(item.question)}`);
        for (const engine of order) {
          await settle();
          const answer = await workers.get(engine)!.ask(item.question);
          for (const figure of item.figures) figures.add(engine, figure, answer[figure.from]);
        }
      }
      load.push(loadavg()[0]);
    }
    return { machine, load };
  } finally {
    for (const worker of [prober, ...workers.values()]) await worker[Symbol.asyncDispose]();
  }
}

function describe(question: Question): string {
  if (question.kind === 'generate') return `prompt of ${question.prompt}, then ${question.tokens} tokens`;
  if (question.kind === 'rows') return `verification after ${question.context} tokens`;
  if (question.kind === 'answer') return `answer of at most ${question.maxTokens} tokens`;
  return `batch of ${question.sequences}`;
}
