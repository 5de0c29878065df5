/**
 * The interleaved run: all engines stay loaded, each in its own process, and take turns, in another order each round.
 * Engines train the same weights on the same batches; a loss that differs ends the run.
 */

import { loadavg } from 'node:os';
import type { Clock } from './clock.ts';
import { isTorch, type StartOptions, type TrainEngine, type TrainEngineId, trainEngines } from './engines.ts';
import { settle } from './line-engine.ts';
import { LineWorker } from './line-worker.ts';
import type { BatchName, ProductsAnswer, StepAnswer, Work } from './protocol.ts';
import type { TrainMeasurement, TrainResults } from './results.ts';

/** Largest relative difference of losses between engines. */
const tolerance = 1e-3;
/** Steps before the first that counts: compilation, memory that is used for the first time. */
const warmUps = 2;

export type Measured = Pick<TrainResults, 'measurements' | 'products' | 'missing' | 'versions'> & {
  load: number[];
};

/** The loss of each question, which all engines must agree on, step by step. */
class Losses {
  readonly #byStep = new Map<string, number>();
  readonly #counts = new Map<string, number>();

  check(engine: TrainEngineId, work: Work, batches: BatchName, loss: number): void {
    const count = this.#counts.get(`${engine} ${work} ${batches}`) ?? 0;
    this.#counts.set(`${engine} ${work} ${batches}`, count + 1);
    const key = `${work} ${batches} ${count}`;
    const known = this.#byStep.get(key) ?? loss;
    this.#byStep.set(key, known);
    if (Math.abs(loss - known) <= tolerance * Math.abs(known)) return;
    throw new Error(`${trainEngines[engine].label} has loss ${loss}, another engine ${known} (${key})`);
  }
}

/**
 * Runs the benchmark.
 * @throws Error when an engine that was started fails: a comparison without it would be another one.
 */
export async function measureTraining(
  ids: readonly TrainEngineId[],
  options: StartOptions,
  { rounds, clock }: { rounds: number; clock: Clock },
  report: (line: string) => void,
): Promise<Measured> {
  const load = [loadavg()[0]];
  const workers = new Map<TrainEngineId, LineWorker>();
  const missing: Measured['missing'] = {};
  const versions: Record<string, string> = {};
  const losses = new Losses();
  const values = new Map<string, TrainMeasurement>();
  const products: Measured['products'] = { square: [], torch: [], model: [] };
  const asked = (id: TrainEngineId) => trainEngines[id].asked as TrainEngine['asked'];
  const step = async (id: TrainEngineId, work: Work, batches: BatchName) => {
    const { ms, loss } = await workers.get(id)!.ask<StepAnswer>({ kind: 'step', work, batches, clock });
    losses.check(id, work, batches, loss);
    return ms;
  };
  try {
    for (const id of ids) {
      report(`starting ${trainEngines[id].label}`);
      const { start }: TrainEngine = trainEngines[id];
      const { command, args, environment } = start(options);
      const worker = new LineWorker(command, args, environment);
      workers.set(id, worker);
      try {
        Object.assign(versions, (await worker.start()).versions);
      } catch (error) {
        missing[id] = (error as Error).message;
        report(`${trainEngines[id].label} is left out: ${missing[id]}`);
        workers.delete(id);
        await worker[Symbol.asyncDispose]();
      }
    }
    const present = [...workers.keys()];
    for (let i = 0; i < warmUps; i++)
      for (const id of present) {
        report(`warming up ${trainEngines[id].label}, ${i + 1} of ${warmUps}`);
        for (const { work, batches } of asked(id)) await step(id, work, batches);
      }
    for (let round = 0; round < rounds; round++) {
      report(`round ${round + 1} of ${rounds}`);
      const rates = (id: TrainEngineId) => workers.get(id)!.ask<ProductsAnswer>({ kind: 'products', clock });
      const { square, products: model } = await rates('quickstep');
      products.square.push(square);
      products.model.push(model);
      const torch = present.find(isTorch);
      if (torch) {
        await settle();
        products.torch.push((await rates(torch)).square);
      }
      const turn = round % present.length;
      for (const id of [...present.slice(turn), ...present.slice(0, turn)]) {
        for (const { work, batches } of asked(id)) {
          await settle();
          const key = `${id} ${work} ${batches}`;
          const known = values.get(key) ?? { engine: id, work, batches, values: [] };
          known.values.push(await step(id, work, batches));
          values.set(key, known);
        }
      }
      load.push(loadavg()[0]);
    }
    return { measurements: [...values.values()], products, missing, versions, load };
  } finally {
    for (const worker of workers.values()) await worker[Symbol.asyncDispose]();
  }
}
