/** `quickstep ngrams build`: counts the n-grams of a folder of texts, for methods that consult them. */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { buildNgrams, readTexts } from '../ngrams/index.ts';
import { tokenizerOf } from '../text/load.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { pull } from '../weights/pull.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, printJson } from './command.ts';
import { lazyProgress, modelOptions, showPull } from './load-model.ts';
import { formatBytes } from './progress.ts';

const ngramsOptions = z.strictObject({
  model: modelOptions.shape.model.unwrap().default(modelOptions.shape.model.parse(undefined)).meta({
    value: 'id',
    description: 'Model whose tokenizer makes the tokens; a store serves all models of that tokenizer.',
  }),
  out: z
    .string()
    .min(1)
    .default('ngrams.bin')
    .meta({ value: 'file', description: 'Where the store is written.' }),
  order: z.int().min(1).max(16).default(6).describe('Longest n-gram that can be counted, in tokens.'),
});

export const ngramsCommand: Command = {
  name: 'ngrams',
  usage: 'ngrams build <folder>',
  title: 'count the n-grams of a folder of texts',
  summary:
    'Reads the texts of a folder (.txt, .text, .md, .rst, in UTF-8) and writes a store of their n-grams, for --method superposed-decoding. Of the model only the tokenizer is read.',
  examples: ['ngrams build ~/letters', 'ngrams build docs --model smollm2 --out docs.ngrams'],
  groups: () => [{ title: 'Options', schema: ngramsOptions }, commonGroup],
  run: runNgrams,
};

/** The tokenizer of a model, whose weights are left alone. */
async function tokenizerNamed(id: string, signal: AbortSignal): Promise<Tokenizer> {
  const fetching = lazyProgress(`Fetching ${id}`, { quiet: !process.stderr.isTTY });
  const path = await pull(id, { signal, onProgress: showPull(fetching) }).finally(() => fetching.done());
  const checkpoint = await openCheckpoint(path);
  try {
    if (checkpoint.tokenizer) return tokenizerOf(checkpoint.tokenizer, checkpoint.generationConfig).tokenizer;
    const hint = 'Put tokenizer.json beside the weights, or name another model.';
    throw new QuickstepError('bad-file', `${id} has no tokenizer.`, hint);
  } finally {
    await checkpoint.close();
  }
}

async function runNgrams(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const { json } = args.values(commonOptions);
  const { model, out, order } = args.values(ngramsOptions);
  const [action, folder, ...more] = args.positionals;
  if (action !== 'build' || folder === undefined || more.length > 0)
    throw new QuickstepError(
      'bad-option',
      '"ngrams" takes "build" and a folder.',
      'For instance: quickstep ngrams build docs.',
    );
  const tokenizer = await tokenizerNamed(model, signal);
  const read = { files: 0, bytes: 0 };
  const facts = await buildNgrams(out, tokenizer, readTexts(folder, read), { order, signal });
  if (json) printJson({ path: out, ...read, ...facts });
  else
    process.stdout.write(
      `${out}: ${facts.tokens} tokens of ${read.files} files (${formatBytes(read.bytes)}), n-grams of up to ${order}\n`,
    );
}
