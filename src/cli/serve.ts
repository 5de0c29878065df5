/** `quickstep serve`: the HTTP server, until Ctrl-C or SIGTERM. */

import { once } from 'node:events';
import { isIP } from 'node:net';
import { serverOptions } from '../serve/options.ts';
import { serve } from '../serve/server.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson } from './command.ts';
import { keepHeapSteady } from './steady-heap.ts';

export const serveCommand: Command = {
  name: 'serve',
  usage: 'serve [options]',
  title: 'an OpenAI-compatible server, and the studio',
  summary:
    'Serves models over HTTP: /v1 for the clients of OpenAI, /api for pages, the studio at /. Requests for a model share its forwards. QUICKSTEP_API_KEY in the environment sets a key that clients must send.',
  examples: [
    'serve',
    'serve --model house-causal --port 9000',
    'serve --host 0.0.0.0 --allow-host box.example',
  ],
  groups: () => [{ title: 'Options', schema: serverOptions }, commonGroup],
  run: runServe,
};

const isLocal = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

async function runServe(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  keepHeapSteady();
  const options = args.values(serverOptions);
  const apiKey = process.env.QUICKSTEP_API_KEY || undefined;
  const stop = new AbortController();
  signal.addEventListener('abort', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  await using server = await serve({ ...options, apiKey });
  if (args.values(commonOptions).json) printJson({ url: server.url });
  else process.stdout.write(`Quickstep listens on ${server.url} (Ctrl-C ends it).\n`);
  if (!apiKey && !isLocal(options.host)) {
    process.stderr.write('Anybody who can reach this address can use it: set QUICKSTEP_API_KEY.\n');
  }
  if (!stop.signal.aborted) await once(stop.signal, 'abort');
  process.stderr.write('Finishing the answers under way ...\n');
}
