/**
 * A batch file from beginning to end: requests are read and checked, those that have a line in the output already are
 * left alone, the others are decoded, and every outcome is on the disk before the next one counts. Killing the process
 * at any moment loses what was under way and nothing else; the same call goes on from there.
 */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type BatchOptions, type BatchStatistics, decodeBatch } from '../decode/batch/batchllm.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { tryLock } from '../weights/cache-folder-lock.ts';
import { idPrefix, Journal } from './journal.ts';
import {
  answerLine,
  BadLine,
  errorLine,
  type LineError,
  lineErrorOf,
  type ParsedLine,
  parseLine,
} from './openai.ts';
import { readLines } from './read-lines.ts';

/** OpenAI's own limits of a file; a line is bounded besides. */
export const batchLimits = {
  bytes: 200 * 1024 * 1024,
  lineBytes: 4 * 1024 * 1024,
  requests: 50_000,
} as const;

/** How a batch file has come out. */
export interface BatchSummary {
  /** Lines that are not blank. */
  requests: number;
  /** Lines in the output and in the file of errors, those of earlier runs included. */
  answered: number;
  failed: number;
  /** Of them, those that were there at the beginning. */
  resumed: number;
  /** Where errors are. */
  errors: string;
  /** What this run has cost; undefined when there was nothing to decode. */
  statistics: BatchStatistics | undefined;
}

/** Where the errors of an output file are: `out.errors.jsonl` for `out.jsonl`. */
export const errorsPathOf = (output: string): string =>
  output.replace(/(\.jsonl?)?$/i, (extension) => `.errors${extension || '.jsonl'}`);

interface Line {
  id: string;
  parsed: ParsedLine | BadLine;
}

/**
 * Answers the requests of `input` (JSON Lines, OpenAI's batch format) in `output`. Lines come in the order in which they
 * are finished. A line that cannot be answered has its error in `errorsPathOf(output)` and stops no other.
 * @throws QuickstepError 'not-found' or 'bad-input' for the input, 'bad-file' or 'bad-input' for an output of something
 * else, 'busy' when another process writes it, 'no-space'; the signal's reason when it aborts, with everything finished
 * saved.
 */
export async function runBatchFile(
  model: LanguageModel,
  input: string,
  output: string,
  options: BatchOptions = {},
): Promise<BatchSummary> {
  const lines = await readRequests(input, `${model.id} ${model.precision}`);
  const release = await lock(output);
  const journals: Journal[] = [];
  try {
    for (const path of [output, errorsPathOf(output)]) journals.push(await Journal.open(path));
    const [answers, errors] = journals;
    const done = new Set([...answers.ids, ...errors.ids]);
    checkOwn(lines, done, output);
    const left = lines.filter(({ id }) => !done.has(id));
    let statistics: BatchStatistics | undefined;
    const fail = (id: string, customId: string | null, error: LineError) => {
      errors.ids.push(id);
      return errors.append(errorLine(id, customId, error));
    };
    for (const { id, parsed } of left)
      if (parsed instanceof BadLine) await fail(id, parsed.customId, parsed.reason);
    const open = left.flatMap(({ id, parsed }) => (parsed instanceof BadLine ? [] : [{ id, parsed }]));
    const outcomes = decodeBatch(
      model,
      open.map(({ parsed }) => parsed.request),
      {
        ...options,
        onProgress: (progress) => {
          statistics = progress.statistics;
          options.onProgress?.(progress);
        },
      },
    );
    for await (const outcome of outcomes) {
      const { id, parsed } = open[outcome.index];
      if ('error' in outcome) await fail(id, parsed.customId, lineErrorOf(outcome.error));
      else {
        await answers.append(answerLine(id, parsed, model.id, outcome.result));
        answers.ids.push(id);
      }
    }
    return {
      requests: lines.length,
      answered: answers.ids.length,
      failed: errors.ids.length,
      resumed: done.size,
      errors: errors.path,
      statistics,
    };
  } finally {
    for (const journal of journals) await journal.close();
    await release();
  }
}

/** The requests of a file. The id of a line follows from its place, its bytes and what answers it. */
async function readRequests(path: string, model: string): Promise<Line[]> {
  const { bytes: maxBytes, lineBytes, requests } = batchLimits;
  const size = await stat(path).then(
    (found) => found.size,
    (cause: NodeJS.ErrnoException) => {
      throw new QuickstepError('not-found', `${path} cannot be read (${cause.code}).`, 'Check the path.', {
        cause,
      });
    },
  );
  if (size > maxBytes) {
    throw new QuickstepError('bad-input', `${path} has more than ${maxBytes} bytes.`, 'Split it.');
  }
  const lines: Line[] = [];
  const seen = new Set<string>();
  for await (const { number, bytes } of readLines(path, lineBytes)) {
    if (bytes && bytes.toString('latin1').trim() === '') continue;
    if (lines.length === requests) {
      throw new QuickstepError('bad-input', `${path} has more than ${requests} requests.`, 'Split it.');
    }
    const hash = createHash('sha256')
      .update(`${number} ${model} `)
      .update(bytes ?? 'too long');
    const id = `${idPrefix}${hash.digest('hex').slice(0, 24)}`;
    lines.push({ id, parsed: readRequest(bytes, number, seen) });
  }
  return lines;
}

function readRequest(bytes: Buffer | undefined, number: number, seen: Set<string>): ParsedLine | BadLine {
  try {
    if (!bytes) throw new BadLine('line_too_long', `It has more than ${batchLimits.lineBytes} bytes.`);
    const parsed = parseLine(bytes, number);
    const { customId } = parsed;
    if (seen.has(customId))
      throw new BadLine('duplicate_custom_id', 'Another line has this custom_id.', customId);
    seen.add(customId);
    return parsed;
  } catch (error) {
    if (!(error instanceof BadLine)) throw error;
    const { code, message } = error.reason;
    return new BadLine(code, `Line ${number}: ${message}`, error.customId);
  }
}

async function lock(output: string): Promise<() => Promise<void>> {
  const lock = await tryLock(`${output}.lock`);
  if (typeof lock === 'function') return lock;
  const holder = lock ? `process ${lock.pid} on ${lock.host}` : 'another process';
  const hint = `Wait for it, or, if it is gone, delete ${output}.lock.`;
  throw new QuickstepError('busy', `${output} is being written by ${holder}.`, hint);
}

/** Refuses an output that was made of other requests, or by another model. */
function checkOwn(lines: readonly Line[], done: ReadonlySet<string>, output: string): void {
  const own = new Set(lines.map(({ id }) => id));
  const strangers = [...done].filter((id) => !own.has(id)).length;
  if (strangers === 0) return;
  const message = `${output} or its errors hold ${strangers} lines of other requests or another model.`;
  throw new QuickstepError('bad-input', message, 'Give another output file, or delete both.');
}
