/**
 * Load on the server: many streaming clients on a house model for some time, and before and after it the engine's own batch
 * of as many requests for the comparison. Prints failures, the slowest and the fastest client, the time to the first event,
 * and the memory from the first half minute to the end: resident, of which V8's heap, whose garbage comes and goes; everything
 * else; and what is alive, as the heap is after its full collections. Then tokens a second of both, and the processor time a token, which tells what
 * serving costs also where other programs, the clients among them, take turns on the same cores; last, many aborted requests. The
 * clients run in a process of their own, whose time is told apart.
 *
 *   npx tsx bench/serve.ts --model house-causal --clients 64 --seconds 120 [--alike]
 *
 * With --alike all prompts are the same; a server reads them once.
 */

import { parseArgs } from 'node:util';
import { keepHeapSteady } from '../src/cli/steady-heap.ts';
import { load } from '../src/models/load.ts';
import { serve } from '../src/serve/server.ts';
import { post, prepareClients, promptOf, question } from './serve/clients.ts';
import { batches } from './serve/engine.ts';
import { Memory, megabytes } from './serve/memory.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '120' },
    aborts: { type: 'string', default: '1000' },
    threads: { type: 'string', default: '1' },
    model: { type: 'string', default: 'house-causal' },
    alike: { type: 'boolean', default: false },
  },
});
const clients = Number(values.clients);
const threads = Number(values.threads);
const { alike } = values;

// As `quickstep serve` does.
keepHeapSteady();
await using server = await serve({ port: 0, threads, model: [values.model] });
await using model = await load(values.model, { threads });
const target = { url: server.url, model: values.model };
const asking = { model, clients, seconds: 5, alike };

await batches({ ...asking, seconds: 2 });
const own = [await batches(asking)];
const ask = await prepareClients({ ...target, alike, clients, seconds: Number(values.seconds) });
const memory = new Memory();
const { served, ...report } = await ask();
memory.stop();
own.push(await batches(asking));
const percentile = (share: number) => report.first[Math.floor(share * (report.first.length - 1))]?.toFixed(2);
console.log(
  `${clients} clients, ${served.seconds.toFixed(0)} s, ${values.model}, ${threads} thread(s) for the model`,
);
console.log(
  `answers ${served.tokens / question.maxTokens}, failures ${report.failures.length} ${report.failures.slice(0, 3).join('; ')}`,
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
      await (await post(target, promptOf(i, alike), { signal: leave.signal })).text();
    }),
  );
}
const busy = () => server.admission.pending > 0 || server.models.loaded.some(({ running }) => running > 0);
while (busy()) await new Promise((resolve) => setTimeout(resolve, 50));
const left = server.models.loaded.reduce((sum, { slots }) => sum + slots, 0);
console.log(`${aborts} aborted requests: ${left} slots in use, ${megabytes(process.memoryUsage.rss())} MB`);
