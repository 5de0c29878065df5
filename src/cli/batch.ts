/** `quickstep batch`: answers a file of requests in OpenAI's batch format; killed or stopped, it goes on where it was. */

import type { z } from 'zod';
import { type BatchSummary, runBatchFile } from '../batch/batch-file.ts';
import { type BatchProgress, batchOptions } from '../decode/batch/batchllm.ts';
import { QuickstepError } from '../errors.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson } from './command.ts';
import { loadModel, modelOptions } from './load-model.ts';
import { createProgress } from './progress.ts';

const batchModelOptions = modelOptions.omit({ draft: true });

export const batchCommand: Command = {
  name: 'batch',
  usage: 'batch <in.jsonl> <out.jsonl> [options]',
  title: 'answer a file of requests (OpenAI batch format)',
  summary:
    'Answers the requests of a JSON Lines file for /v1/chat/completions and /v1/completions, in the order in which they are finished; the model named here answers, whatever the lines name. Requests that cannot be answered have their errors in out.errors.jsonl. Every line is on the disk before the next one counts: after Ctrl-C or a crash the same command goes on, repeats nothing and loses nothing. Prompts that begin alike are computed once (BatchLLM); the answers do not depend on it. Exit code 1 when a request has no answer.',
  examples: [
    'batch in.jsonl out.jsonl',
    'batch in.jsonl out.jsonl --model house-causal --max-slots 4096',
    'batch in.jsonl out.jsonl --sharing recent --order given --max-running 32',
  ],
  groups: () => [
    { title: 'Schedule', schema: batchOptions },
    { title: 'Model', schema: batchModelOptions },
    commonGroup,
  ],
  run: runBatch,
};

function paths(positionals: readonly string[]): [string, string] {
  const [input, output] = positionals;
  if (positionals.length === 2) return [input, output];
  const hint = 'For instance: quickstep batch in.jsonl out.jsonl.';
  throw new QuickstepError('bad-option', '"batch" takes the file of requests and the file of answers.', hint);
}

async function runBatch(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const { json } = args.values(commonOptions);
  const [input, output] = paths(args.positionals);
  const wanted: z.output<typeof batchModelOptions> = args.values(batchModelOptions);
  await using model = await loadModel(wanted, signal, json);
  const progress = createProgress(process.stderr, 'batch', {
    unit: 'tokens',
    quiet: json && !process.stderr.isTTY,
  });
  const started = performance.now();
  let known: BatchProgress | undefined;
  let summary: BatchSummary;
  try {
    summary = await runBatchFile(model, input, output, {
      ...args.given(batchOptions),
      signal,
      onProgress(report) {
        known = report;
        progress.update(report.done, report.total, `${report.finished} of ${report.requests} requests`);
      },
    });
  } catch (error) {
    progress.done();
    if (signal.aborted)
      process.stderr.write(
        `Stopped: ${known?.finished ?? 0} of ${known?.requests ?? 0} requests done in this run, all saved. The same command goes on.\n`,
      );
    throw error;
  }
  progress.done();
  const seconds = (performance.now() - started) / 1000;
  if (json) printJson({ ...summary, seconds, model: model.id, options: args.values(batchOptions) });
  else process.stderr.write(`${summaryLine(summary, output, seconds)}\n`);
  if (summary.failed === 0) return;
  const hint = `Their errors are in ${summary.errors}.`;
  const message = `${summary.failed} of ${summary.requests} requests have no answer.`;
  throw new QuickstepError('bad-input', message, hint);
}

function summaryLine(summary: BatchSummary, output: string, seconds: number): string {
  const { answered, requests, resumed, statistics } = summary;
  const head = `${output}: ${answered} of ${requests} requests answered`;
  const before = resumed > 0 ? `, ${resumed} of them finished before` : '';
  if (!statistics) return `${head}${before}`;
  const { answerTokens, promptTokens, sharedTokens, forwards, peakSlots } = statistics;
  const shared = promptTokens > 0 ? Math.round((100 * sharedTokens) / promptTokens) : 0;
  const times = `${answerTokens} tokens in ${seconds.toFixed(1)} s, ${(answerTokens / seconds).toFixed(1)} tokens/s`;
  return `${head}${before} · ${times} · ${shared}% of ${promptTokens} prompt tokens shared · ${forwards} forwards, at most ${peakSlots} slots`;
}
