/** Streaming clients of the server, in a process of their own. */

import { fork } from 'node:child_process';
import { on } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Measured, measured } from './measured.ts';

/** What every client asks for. */
export const question = { maxTokens: 64, ignoreEos: true };

/** The prompts of requests: all the same, so that it is read once, or none like another. */
export const promptOf = (request: number, alike: boolean): string =>
  alike ? 'Once upon a time' : `${1000 + (request % 9000)} upon a time`;

/** Length of a client's first answer: all lengths occur, so that from then on answers end at all times. */
export const firstLength = (client: number, clients: number): number =>
  Math.ceil(((client + 1) / clients) * question.maxTokens);

export interface Load {
  readonly url: string;
  readonly model: string;
  /** The prompts are. */
  readonly alike: boolean;
  readonly clients: number;
  /** How long answers are counted, once each client has had its first. */
  readonly seconds: number;
}

/** Asks once for a streamed answer. */
export function post(
  { url, model }: Pick<Load, 'url' | 'model'>,
  prompt: string,
  { maxTokens = question.maxTokens, signal }: { maxTokens?: number; signal?: AbortSignal } = {},
): Promise<Response> {
  const { ignoreEos } = question;
  const body = { model, prompt, max_tokens: maxTokens, quickstep: { ignoreEos }, stream: true };
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/completions`, { method: 'POST', headers, body: JSON.stringify(body), signal });
}

export interface ClientReport {
  /** Whole answers that each client got while they were counted. */
  answers: number[];
  failures: string[];
  /** Seconds to the first event, ascending. */
  first: number[];
  /** Processor time of the clients, in microseconds. */
  cpu: NodeJS.CpuUsage;
}

/** Each asks again as soon as it is answered. */
async function beClients(load: Load, told: (phase: 'counting' | 'counted') => void): Promise<ClientReport> {
  const { alike, clients, seconds } = load;
  const report: ClientReport = {
    answers: Array(clients).fill(0),
    failures: [],
    first: [],
    cpu: process.cpuUsage(),
  };
  let asked = 0;
  let phase: 'warming up' | 'counting' | 'counted' = 'warming up';
  const ask = async (maxTokens: number): Promise<boolean> => {
    try {
      const started = performance.now();
      const response = await post(load, promptOf(asked++, alike), { maxTokens });
      if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
      let text = '';
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        if (text === '') report.first.push((performance.now() - started) / 1000);
        text += chunk;
      }
      if (!text.endsWith('data: [DONE]\n\n')) throw new Error('the stream broke off');
      return true;
    } catch (error) {
      report.failures.push(String(error));
      return false;
    }
  };
  let warm = 0;
  const count = async () => {
    phase = 'counting';
    told(phase);
    await sleep(seconds * 1000);
    phase = 'counted';
    told(phase);
  };
  await Promise.all(
    report.answers.map(async (_, client) => {
      await ask(firstLength(client, clients));
      if (++warm === clients) void count();
      while (phase !== 'counted') {
        const answered = await ask(question.maxTokens);
        if (answered && phase === 'counting') report.answers[client]++;
      }
    }),
  );
  report.first.sort((a, b) => a - b);
  report.cpu = process.cpuUsage(report.cpu);
  return report;
}

/** What the server did while answers were counted, and what the clients saw. */
export interface Served extends ClientReport {
  readonly served: Measured;
}

/** Starts a process of clients, and returns what lets them ask. */
export async function prepareClients(load: Load): Promise<() => Promise<Served>> {
  const child = fork(fileURLToPath(import.meta.url));
  const messages = on(child, 'message', { close: ['exit'] });
  const message = async (): Promise<unknown> => {
    const { value, done } = await messages.next();
    if (done) throw new Error('the clients died');
    return value[0];
  };
  await message();
  return async () => {
    child.send(load);
    await message();
    const { seconds, cpu } = await measured(async () => {
      await message();
      return 0;
    });
    const report = (await message()) as ClientReport;
    const answers = report.answers.reduce((sum, count) => sum + count, 0);
    return { ...report, served: { tokens: answers * question.maxTokens, seconds, cpu } };
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send) {
  process.once('message', async (load: Load) => {
    const report = await beClients(load, (phase) => process.send!(phase));
    process.send!(report, () => process.exit());
  });
  process.send('ready');
}
