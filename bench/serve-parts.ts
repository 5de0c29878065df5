/**
 * Where the throughput of the server goes: the same load in four ways, by turns, so that a machine that changes its speed is the
 * same to all. Batches that begin together; readers in this process, who begin together or at all times, without HTTP; clients
 * of the server in a process of their own. Prints medians over the rounds, each against the batches of its round.
 *
 *   npx tsx bench/serve-parts.ts --model house-causal --rounds 4 --seconds 6 [--alike]
 *
 * With --alike all prompts are the same; a server reads them once.
 */

import { parseArgs } from 'node:util';
import { keepHeapSteady } from '../src/cli/steady-heap.ts';
import { load } from '../src/models/load.ts';
import { serve } from '../src/serve/server.ts';
import { prepareClients } from './serve/clients.ts';
import { batches, readers } from './serve/engine.ts';
import type { Measured } from './serve/measured.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '6' },
    threads: { type: 'string', default: '1' },
    model: { type: 'string', default: 'house-causal' },
    alike: { type: 'boolean', default: false },
  },
});
const clients = Number(values.clients);
const seconds = Number(values.seconds);
const threads = Number(values.threads);
const { alike } = values;

keepHeapSteady();
await using server = await serve({ port: 0, threads, model: [values.model] });
await using model = await load(values.model, { threads });
const asking = { model, clients, seconds, alike };

async function served(): Promise<Measured> {
  const ask = await prepareClients({ url: server.url, model: values.model, alike, clients, seconds });
  const { failures, served } = await ask();
  if (failures.length > 0) throw new Error(failures[0]);
  return served;
}

const ways = {
  'batches (generateBatch)': () => batches(asking),
  'readers that begin together': () => readers(asking, false),
  'readers that begin at all times': () => readers(asking, true),
  'clients of the server': served,
};

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

await batches({ ...asking, seconds: 2 });
const rounds: Measured[][] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  const results: Measured[] = [];
  for (const way of Object.values(ways)) results.push(await way());
  rounds.push(results);
}
console.log(
  `${values.model}, ${clients} requests at a time with ${alike ? 'the same prompt' : 'prompts of their own'}, ${rounds.length} rounds of ${seconds} s each way`,
);
for (const [way, name] of Object.keys(ways).entries()) {
  const over = (of: (result: Measured) => number) => median(rounds.map((results) => of(results[way])));
  const ratio = (of: (result: Measured) => number) =>
    median(rounds.map((results) => of(results[way]) / of(results[0]))).toFixed(2);
  const speed = ({ tokens, seconds }: Measured) => tokens / seconds;
  const cost = ({ cpu, tokens }: Measured) => cpu / tokens;
  console.log(
    `${name}: ${over(speed).toFixed(0)} tokens a second (${ratio(speed)}), ${over(cost).toFixed(0)} microseconds of processor time a token (${ratio(cost)})`,
  );
}
