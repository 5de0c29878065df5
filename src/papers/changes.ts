/**
 * The log of the catalogue's changes, `papers/changes.jsonl`: a line each time a system's light changes, oldest first.
 * Lines are only ever appended (by `npm run features`), so that feeds and digests can tell what somebody has seen.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { type Light, lightOf, lights } from './light.ts';
import { type Paper, paperSchema } from './schema.ts';

const light = z.enum(Object.keys(lights) as [Light, ...Light[]]);

export const changeSchema = z.strictObject({
  date: z.iso.date(),
  slug: paperSchema.shape.slug,
  /** The light before; null for a system that is new in the catalogue. */
  from: light.nullable(),
  to: light,
  /** What was measured by then. */
  measured: paperSchema.shape.measured,
});
export type Change = z.output<typeof changeSchema>;

export const changesFile = fileURLToPath(new URL('../../papers/changes.jsonl', import.meta.url));

/**
 * All changes, oldest first.
 * @param file the package's own log unless given
 * @throws QuickstepError 'bad-file' when a line is not valid, 'not-found' when the log cannot be read
 */
export async function loadChanges(file: string = changesFile): Promise<Change[]> {
  const hint = 'Reinstall quickstep.';
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new QuickstepError('not-found', `The log of changes ${file} cannot be read.`, hint, { cause });
  });
  return text
    .split('\n')
    .filter(Boolean)
    .map((line, i) => {
      try {
        return changeSchema.parse(JSON.parse(line));
      } catch (cause) {
        throw new QuickstepError('bad-file', `Line ${i + 1} of ${file} is no change.`, hint, { cause });
      }
    });
}

/** What the log does not tell yet of the catalogue as it is, dated `date` (`yyyy-mm-dd`). */
export function newChanges(papers: readonly Paper[], changes: readonly Change[], date: string): Change[] {
  const told = new Map(changes.map(({ slug, to }) => [slug, to]));
  return papers
    .map((paper) => ({ paper, from: told.get(paper.slug) ?? null, to: lightOf(paper) }))
    .filter(({ from, to }) => from !== to)
    .map(({ paper: { slug, measured }, from, to }) => ({
      ...{ date, slug, from, to },
      ...(to !== 'planned' && { measured }),
    }));
}

/** Made up once, for names of ours. */
const namespace = Buffer.from('8f1d6c0a52e94d7bb3a07c51e2f49d36', 'hex');

/** A name that is the same wherever and whenever the change is told: a UUID of the name (RFC 9562, version 5), as a URN. */
export function nameUrn(name: string): string {
  const bytes = createHash('sha1').update(namespace).update(name).digest().subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x50;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `urn:uuid:${hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`;
}

export const changeId = ({ slug, date, to }: Change): string => nameUrn(`change ${slug} ${date} ${to}`);
