/**
 * Load on the server: many streaming clients on a house model for some time, and before and after it the engine's own batch
 * of as many requests for the comparison. Prints failures, the slowest and the fastest client, the time to the first event,
 * and the memory from the first half minute to the end: resident, of which V8's heap, whose garbage comes and goes; everything
 * else; and what is alive, as the heap is after its full collections. Then tokens a second of both, and the processor time a token, which tells what serving costs also where other programs, the clients among them, take turns on the same cores;
 * last, many aborted requests. The clients run in a process of their own, whose time is told apart.
 *
 *   npx tsx bench/serve.ts --clients 64 --seconds 120
 */

import { fork } from 'node:child_process';
import {
  constants,
  type NodeGCPerformanceDetail,
  type PerformanceEntry,
  PerformanceObserver,
} from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generateBatch } from '../src/decode/generate.ts';
import { load } from '../src/models/load.ts';
import { serve } from '../src/serve/server.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '120' },
    aborts: { type: 'string', default: '1000' },
    threads: { type: 'string', default: '1' },
    model: { type: 'string', default: 'stories260k' },
    url: { type: 'string' },
  },
});
const clients = Number(values.clients);
const threads = Number(values.threads);
const body = {
  model: values.model,
  prompt: 'Once upon a time',
  max_tokens: 64,
  quickstep: { ignoreEos: true },
  stream: true,
};

const post = (url: string, signal?: AbortSignal) =>
  fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });

interface ClientReport {
  /** Answers that each client got. */
  answers: number[];
  failures: string[];
  /** Seconds to the first event, ascending. */
  first: number[];
  /** Processor time of the clients, in microseconds. */
  cpu: NodeJS.CpuUsage;
}

/** In the process of the clients: each asks again as soon as it is answered. */
async function beClients(url: string): Promise<ClientReport> {
  const end = performance.now() + Number(values.seconds) * 1000;
  process.send!('ready');
  const cpu = process.cpuUsage();
  const report: ClientReport = { answers: Array(clients).fill(0), failures: [], first: [], cpu };
  await Promise.all(
    report.answers.map(async (_, client) => {
      while (performance.now() < end) {
        try {
          const started = performance.now();
          const response = await post(url);
          if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
          let text = '';
          for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
            if (text === '') report.first.push((performance.now() - started) / 1000);
            text += chunk;
          }
          if (!text.endsWith('data: [DONE]\n\n')) throw new Error('the stream broke off');
          report.answers[client]++;
        } catch (error) {
          report.failures.push(String(error));
        }
      }
    }),
  );
  report.first.sort((a, b) => a - b);
  report.cpu = process.cpuUsage(cpu);
  return report;
}

const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);
const span = (values: readonly number[]) =>
  values.length === 0
    ? 'never seen'
    : `${megabytes(Math.min(...values))} to ${megabytes(Math.max(...values))} MB`;

/** Memory of this process: a sample each second, and the heap after each full collection, what is new since then included. */
class Memory {
  readonly #samples: NodeJS.MemoryUsage[] = [];
  readonly #alive: { seconds: number; heap: number }[] = [];
  readonly #started = performance.now();
  readonly #timer = setInterval(() => this.#samples.push(process.memoryUsage()), 1000);
  readonly #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as PerformanceEntry & { detail: NodeGCPerformanceDetail }).detail;
      if (kind !== constants.NODE_PERFORMANCE_GC_MAJOR) continue;
      const seconds = (performance.now() - this.#started) / 1000;
      this.#alive.push({ seconds, heap: process.memoryUsage().heapUsed });
    }
  });

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#observer.disconnect();
  }

  /** From second `from` on. */
  report(from: number): string {
    const late = this.#samples.slice(from);
    const alive = this.#alive.filter(({ seconds }) => seconds >= from).map(({ heap }) => heap);
    const thirds = [0, 1, 2].map((third) => {
      const part = late.slice((third * late.length) / 3, ((third + 1) * late.length) / 3);
      return megabytes(part.reduce((sum, { rss }) => sum + rss, 0) / part.length);
    });
    return [
      `memory after second ${from}: resident ${span(late.map(({ rss }) => rss))}, means of thirds ${thirds.join(', ')} MB`,
      `  V8's heap with its garbage ${span(late.map(({ heapTotal }) => heapTotal))}, everything else ${span(late.map(({ rss, heapTotal }) => rss - heapTotal))}`,
      `  heap after ${alive.length} full collections: ${span(alive)}`,
    ].join('\n');
  }
}

/** Tokens of some work, its time, and the processor time of this process in microseconds. */
async function measured(work: () => Promise<number>) {
  const started = performance.now();
  const before = process.cpuUsage();
  const tokens = await work();
  const { user, system } = process.cpuUsage(before);
  return { tokens, seconds: (performance.now() - started) / 1000, cpu: user + system };
}

async function main(): Promise<void> {
  await using server = await serve({ port: 0, threads, model: [values.model] });
  await using model = await load(values.model, { threads });
  const prompts = Array<string>(clients).fill(body.prompt);
  const batches = () =>
    measured(async () => {
      for (let round = 0; round < 3; round++) {
        await generateBatch(model, prompts, { maxTokens: body.max_tokens, ignoreEos: true }).result;
      }
      return 3 * clients * body.max_tokens;
    });
  await batches();
  const own = [await batches()];
  const memory = new Memory();
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--url', server.url]);
  const message = () =>
    new Promise<unknown>((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', () => reject(new Error('the clients died')));
    });
  await message();
  let report!: ClientReport;
  const served = await measured(async () => {
    report = (await message()) as ClientReport;
    return report.answers.reduce((sum, count) => sum + count, 0) * body.max_tokens;
  });
  memory.stop();
  own.push(await batches());
  const percentile = (share: number) =>
    report.first[Math.floor(share * (report.first.length - 1))]?.toFixed(2);
  console.log(
    `${clients} clients, ${served.seconds.toFixed(0)} s, ${values.model}, ${threads} thread(s) for the model`,
  );
  console.log(
    `answers ${served.tokens / body.max_tokens}, failures ${report.failures.length} ${report.failures.slice(0, 3).join('; ')}`,
  );
  console.log(`answers by client: ${Math.min(...report.answers)} to ${Math.max(...report.answers)}`);
  console.log(`first event after ${percentile(0.5)} s (median), ${percentile(0.99)} s (99%)`);
  console.log(memory.report(Math.min(30, Math.floor(served.seconds / 2))));

  const sum = (key: 'tokens' | 'seconds' | 'cpu') => own.reduce((total, one) => total + one[key], 0);
  const speeds = [served.tokens / served.seconds, sum('tokens') / sum('seconds')];
  const costs = [served.cpu / served.tokens, sum('cpu') / sum('tokens')];
  const both = (of: number[], ratio: number) =>
    `served ${of[0].toFixed(0)}, generateBatch ${of[1].toFixed(0)}, ratio ${ratio.toFixed(2)}`;
  console.log(`tokens a second: ${both(speeds, speeds[0] / speeds[1])}`);
  const clientCost = (report.cpu.user + report.cpu.system) / served.tokens;
  console.log(
    `processor time a token, in microseconds: ${both(costs, costs[1] / costs[0])}; the clients' own ${clientCost.toFixed(0)}`,
  );

  const aborts = Number(values.aborts);
  for (let done = 0; done < aborts; done += 100) {
    await Promise.allSettled(
      Array.from({ length: 100 }, async (_, i) => {
        const leave = new AbortController();
        setTimeout(() => leave.abort(), (i * 13) % 200);
        await (await post(server.url, leave.signal)).text();
      }),
    );
  }
  const busy = () => server.admission.pending > 0 || server.models.loaded.some(({ running }) => running > 0);
  while (busy()) await new Promise((resolve) => setTimeout(resolve, 50));
  const left = server.models.loaded.reduce((sum, { slots }) => sum + slots, 0);
  console.log(`${aborts} aborted requests: ${left} slots in use, ${megabytes(process.memoryUsage.rss())} MB`);
}

if (values.url === undefined) await main();
else {
  const report = await beClients(values.url);
  process.send!(report, () => process.exit());
}
