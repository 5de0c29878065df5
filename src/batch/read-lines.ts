/** Lines of a file that may be of any size: a line that is too long is passed over without being held. */

import { createReadStream } from 'node:fs';
import { QuickstepError } from '../errors.ts';

/** A line without its end, or undefined for one that is too long. */
export interface FileLine {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer | undefined;
  /** False for a last line without a line end. */
  readonly whole: boolean;
}

const lineFeed = 0x0a;

/**
 * @param maxBytes of a line
 * @throws QuickstepError 'not-found' for a file that cannot be read.
 */
export async function* readLines(path: string, maxBytes: number): AsyncGenerator<FileLine, void, void> {
  let [held, size, number]: [Buffer[], number, number] = [[], 0, 1];
  const line = (whole: boolean): FileLine => {
    const bytes = size > maxBytes ? undefined : Buffer.concat(held);
    [held, size] = [[], 0];
    return { number: number++, bytes, whole };
  };
  const take = (part: Buffer) => {
    size += part.length;
    if (size <= maxBytes) held.push(part);
    else held = [];
  };
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
        take(chunk.subarray(from, end));
        yield line(true);
        from = end + 1;
      }
      take(chunk.subarray(from));
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === undefined) throw cause;
    throw new QuickstepError('not-found', `${path} cannot be read (${code}).`, 'Check the path.', { cause });
  }
  if (size > 0) yield line(false);
}
