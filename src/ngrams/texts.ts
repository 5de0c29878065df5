/** The texts of a folder, file by file. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { QuickstepError } from '../errors.ts';

const extensions = new Set(['.txt', '.md', '.text', '.rst']);
/** Longest file that is read, as it is read whole. */
const mostBytes = 64 * 1024 * 1024;

/** What has been read. */
export interface TextCounts {
  files: number;
  bytes: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Contents of the text files (.txt, .text, .md, .rst) in a folder and the folders in it, in the order of their paths.
 * @param counts added to by each file
 * @throws QuickstepError 'not-found' when the folder cannot be read or has no texts, 'bad-input' naming a file that is not
 * UTF-8 or larger than 64 MiB.
 */
export async function* readTexts(
  folder: string,
  counts: TextCounts = { files: 0, bytes: 0 },
): AsyncGenerator<string, void, void> {
  const names = await readdir(folder, { recursive: true }).catch((cause) => {
    throw new QuickstepError('not-found', `The folder ${folder} cannot be read.`, 'Check the path.', {
      cause,
    });
  });
  const paths = names
    .filter((name) => extensions.has(extname(name).toLowerCase()))
    .map((name) => join(folder, name))
    .sort();
  if (paths.length === 0)
    throw new QuickstepError(
      'not-found',
      `There are no texts in ${folder}.`,
      `Put files in it: ${[...extensions].join(', ')}.`,
    );
  for (const path of paths) {
    const { size } = await stat(path);
    if (size > mostBytes)
      throw new QuickstepError('bad-input', `${path} has ${size} bytes, more than 64 MiB.`, 'Split it.');
    const bytes = await readFile(path);
    let text: string;
    try {
      text = utf8.decode(bytes);
    } catch (cause) {
      throw new QuickstepError(
        'bad-input',
        `${path} is not UTF-8.`,
        'Convert it, or take it out of the folder.',
        { cause },
      );
    }
    counts.files++;
    counts.bytes += bytes.length;
    yield text;
  }
}
