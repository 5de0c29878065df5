/**
 * Load on the server: many streaming clients on a house model for some time, then the engine's own batch of as many
 * requests for the comparison. Prints failures, tokens a second of both and their ratio, the slowest and the fastest client,
 * the time to the first token, and the resident memory from the first half minute to the end; then many aborted requests.
 * The clients run in a process of their own.
 *
 *   npx tsx bench/serve.ts --clients 64 --seconds 120
 */

import { fork } from 'node:child_process';
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
}

/** In the process of the clients: each asks again as soon as it is answered. */
async function beClients(url: string): Promise<ClientReport> {
  const end = performance.now() + Number(values.seconds) * 1000;
  const report: ClientReport = { answers: Array(clients).fill(0), failures: [], first: [] };
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
  return report;
}

async function main(): Promise<void> {
  await using server = await serve({ port: 0, threads, model: [values.model] });
  const megabytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
  const memory: number[] = [];
  const sampling = setInterval(() => memory.push(megabytes()), 1000);
  const started = performance.now();
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--url', server.url]);
  const report = await new Promise<ClientReport>((resolve, reject) => {
    child.once('message', (message) => resolve(message as ClientReport));
    child.once('exit', () => reject(new Error('the clients died')));
  });
  const seconds = (performance.now() - started) / 1000;
  clearInterval(sampling);
  const answers = report.answers.reduce((sum, count) => sum + count, 0);
  const served = (answers * body.max_tokens) / seconds;
  const late = memory.slice(Math.min(30, memory.length >> 1));
  const percentile = (share: number) =>
    report.first[Math.floor(share * (report.first.length - 1))]?.toFixed(2);
  console.log(
    `${clients} clients, ${seconds.toFixed(0)} s, ${values.model}, ${threads} thread(s) for the model`,
  );
  console.log(
    `answers ${answers}, failures ${report.failures.length} ${report.failures.slice(0, 3).join('; ')}`,
  );
  console.log(`answers by client: ${Math.min(...report.answers)} to ${Math.max(...report.answers)}`);
  console.log(`first event after ${percentile(0.5)} s (median), ${percentile(0.99)} s (99%)`);
  console.log(`memory after the first half minute: ${Math.min(...late)} to ${Math.max(...late)} MB`);

  await using model = await load(values.model, { threads });
  const prompts = Array<string>(clients).fill(body.prompt);
  const batch = performance.now();
  for (let round = 0; round < 3; round++) {
    await generateBatch(model, prompts, { maxTokens: body.max_tokens, ignoreEos: true }).result;
  }
  const own = (3 * clients * body.max_tokens) / ((performance.now() - batch) / 1000);
  console.log(
    `tokens a second: served ${served.toFixed(0)}, generateBatch ${own.toFixed(0)}, ratio ${(served / own).toFixed(2)}`,
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
  while (server.admission.pending > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const left = server.models.loaded.reduce((sum, { slots }) => sum + slots, 0);
  console.log(`${aborts} aborted requests: ${left} slots in use, ${megabytes()} MB`);
}

if (values.url === undefined) await main();
else {
  const report = await beClients(values.url);
  process.send!(report, () => process.exit());
}
