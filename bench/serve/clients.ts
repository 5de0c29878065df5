/** Streaming clients of the server, in a process of their own. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What every client asks for. */
export const question = { prompt: 'Once upon a time', maxTokens: 64, ignoreEos: true };

export interface Load {
  readonly url: string;
  readonly model: string;
  readonly clients: number;
  /** Nobody asks again after them. */
  readonly seconds: number;
}

/** Asks once for a streamed answer. */
export function post({ url, model }: Pick<Load, 'url' | 'model'>, signal?: AbortSignal): Promise<Response> {
  const { prompt, maxTokens, ignoreEos } = question;
  const body = { model, prompt, max_tokens: maxTokens, quickstep: { ignoreEos }, stream: true };
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/completions`, { method: 'POST', headers, body: JSON.stringify(body), signal });
}

export interface ClientReport {
  /** Answers that each client got. */
  answers: number[];
  failures: string[];
  /** Seconds to the first event, ascending. */
  first: number[];
  /** Processor time of the clients, in microseconds. */
  cpu: NodeJS.CpuUsage;
}

/** Each asks again as soon as it is answered. */
async function beClients(load: Load): Promise<ClientReport> {
  const end = performance.now() + load.seconds * 1000;
  const cpu = process.cpuUsage();
  const report: ClientReport = { answers: Array(load.clients).fill(0), failures: [], first: [], cpu };
  await Promise.all(
    report.answers.map(async (_, client) => {
      while (performance.now() < end) {
        try {
          const started = performance.now();
          const response = await post(load);
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

/** Starts a process of clients, and returns what lets them ask. */
export async function prepareClients(load: Load): Promise<() => Promise<ClientReport>> {
  const child = fork(fileURLToPath(import.meta.url));
  const message = () =>
    new Promise<unknown>((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', () => reject(new Error('the clients died')));
    });
  await message();
  return () => {
    child.send(load);
    return message() as Promise<ClientReport>;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send) {
  process.once('message', async (load: Load) => {
    const report = await beClients(load);
    process.send!(report, () => process.exit());
  });
  process.send('ready');
}
