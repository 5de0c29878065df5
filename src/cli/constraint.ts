/** Constraints on the command line: a schema or grammar in a file, a regular expression as it is. */

import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import type { ConstraintOptions } from '../decode/constrained/options.ts';
import { templateLanguage } from '../decode/constrained/template.ts';
import { QuickstepError } from '../errors.ts';

const path = z.string().min(1).optional();

export const constraintOptions = z.strictObject({
  schema: path.meta({
    value: 'path',
    description: 'The answer is JSON that is valid under the JSON Schema of this file.',
  }),
  grammar: path.meta({
    value: 'path',
    description: 'The answer is a text of the GBNF grammar of this file.',
  }),
  regex: z.string().optional().describe('The answer matches this regular expression as a whole.'),
  template: z
    .string()
    .optional()
    .describe(
      'The answer is this text with its places filled in: [text], [line], [number], [yes|no]; on a canvas with their tokens, [word:3].',
    ),
});

const maxBytes = 4 * 1024 * 1024;

async function readSource(flag: string, file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size <= maxBytes) return await readFile(file, 'utf8');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new QuickstepError(
      'not-found',
      `The file ${file} cannot be read (${reason}).`,
      `Check --${flag}.`,
      { cause },
    );
  }
  throw new QuickstepError(
    'bad-option',
    `The file ${file} is larger than ${maxBytes} bytes.`,
    `Check --${flag}.`,
  );
}

/**
 * The constraint of the flags, for `generate`.
 * @throws QuickstepError 'not-found' for an unreadable file, 'bad-option' for one that is too large or no JSON
 */
export async function readConstraint({
  schema,
  grammar,
  regex,
  template,
}: z.output<typeof constraintOptions>): Promise<ConstraintOptions> {
  return {
    ...(schema !== undefined && { schema: parseJson(schema, await readSource('schema', schema)) }),
    ...(grammar !== undefined && { grammar: await readSource('grammar', grammar) }),
    ...(regex !== undefined && { regex }),
    ...(template !== undefined && { constraint: templateLanguage(template) }),
  };
}

function parseJson(file: string, source: string): Record<string, unknown> {
  try {
    return JSON.parse(source);
  } catch (cause) {
    throw new QuickstepError('bad-option', `The file ${file} is no JSON.`, 'Check --schema.', { cause });
  }
}
