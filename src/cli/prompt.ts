/** Where a prompt comes from (arguments, a file, standard input) and the form the model wants it in. */

import { createReadStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { z } from 'zod';
import type { Prompt } from '../decode/generate.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';

export const promptOptions = z.strictObject({
  file: z
    .string()
    .min(1)
    .optional()
    .meta({ value: 'path', description: 'Read the prompt from this file; "-" as the prompt reads a pipe.' }),
  system: z.string().optional().describe('Instructions before the prompt, for models with a chat template.'),
  raw: z.boolean().default(false).describe('Continue the prompt as it is, without the chat template.'),
});

export type PromptOptions = z.output<typeof promptOptions>;

/** Far beyond any context; keeps a wrong file from filling the memory. */
const maxBytes = 16 * 1024 * 1024;

async function readText(stream: Readable, name: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > maxBytes) {
      const hint = 'Give a shorter text.';
      throw new QuickstepError('bad-input', `${name} is longer than ${maxBytes} bytes.`, hint);
    }
    chunks.push(chunk);
  }
  // The line break that editors and echo put at the end is not part of the prompt.
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

async function readPromptFile(path: string): Promise<string> {
  try {
    return await readText(createReadStream(path), path);
  } catch (cause) {
    if (QuickstepError.isInstance(cause)) throw cause;
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new QuickstepError(
      'not-found',
      `The prompt file ${path} cannot be read (${reason}).`,
      'Check --file.',
      { cause },
    );
  }
}

/**
 * The prompt's text: the words of the command line, `--file`, or standard input when it is a pipe or asked for by `-`.
 * @throws QuickstepError 'bad-option' when there is none, an empty one, or more than one, 'not-found' for an unreadable file,
 * 'bad-input' when it is longer than 16 MiB, the signal's abort while waiting for a pipe.
 */
export async function readPrompt(
  words: readonly string[],
  { file }: PromptOptions,
  signal: AbortSignal,
): Promise<string> {
  if (file !== undefined && words.length > 0) {
    throw new QuickstepError(
      'bad-option',
      'There are two prompts.',
      'Give it as an argument or with --file, not both.',
    );
  }
  const piped = words.length === 0 ? !process.stdin.isTTY : words.length === 1 && words[0] === '-';
  let text = words.join(' ');
  if (file !== undefined) text = await readPromptFile(file);
  else if (piped) text = await readText(addAbortSignal(signal, process.stdin), 'Standard input');
  if (text) return text;
  const hint = 'Give one in quotes, with --file, or through a pipe.';
  throw new QuickstepError('bad-option', 'There is no prompt.', hint);
}

/**
 * A text as the model wants it: one user message of its chat template, or the text itself.
 * @throws QuickstepError 'bad-option' for a system text the model or `--raw` has no place for.
 */
export function promptFor(model: LanguageModel, text: string, { system, raw }: PromptOptions): Prompt {
  const user = { role: 'user', content: text };
  if (model.chatTemplate && !raw) {
    return system === undefined ? [user] : [{ role: 'system', content: system }, user];
  }
  if (system === undefined) return text;
  const reason = raw ? '--raw goes without the chat template' : `${model.id} has no chat template`;
  throw new QuickstepError(
    'bad-option',
    `--system has no place: ${reason}.`,
    'Put the text into the prompt.',
  );
}
