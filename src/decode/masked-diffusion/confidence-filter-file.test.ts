/** Filters come back as they were saved; damaged ones are refused, whatever is wrong with them. */

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../weights/safetensors-write.ts';
import { someFilter } from '../testing/filters.ts';
import { openFilter, saveFilter } from './confidence-filter-disk.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-filters-'));
afterAll(() => rm(root, { recursive: true }));
const filter = someFilter({ blockLength: 32, seed: 4 });
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'one-'));
  await saveFilter(folder, filter);
});

describe('a saved filter', () => {
  it('comes back whole, and is small', async () => {
    const { facts, weights } = await openFilter(folder);
    expect(facts).toEqual(filter.facts);
    expect(weights).toEqual(filter.weights);
    expect((await stat(join(folder, 'filter.safetensors'))).size).toBeLessThan(10_000);
  });

  it.each([
    ['no JSON', () => '{'],
    ['a field that is missing', (text: string) => text.replace('blockLength', 'blocklength')],
    ['sizes beyond reason', (text: string) => text.replace('"hiddenSize": 32', '"hiddenSize": 1e9')],
    ['a tau that is no probability', (text: string) => text.replace('"tau": 0.5', '"tau": 7')],
    [
      'another shape than the weights have',
      (text: string) => text.replace('"blockLength": 32', '"blockLength": 31'),
    ],
  ])('is refused with %s', async (_name, change) => {
    const path = join(folder, 'filter.json');
    const text = await readFile(path, 'utf8');
    expect(change(text)).not.toBe(text);
    await writeFile(path, change(text));
    await expect(openFilter(folder)).rejects.toMatchObject({
      code: 'bad-file',
      hint: expect.stringContaining('train'),
    });
  });

  it('is refused when weights are missing, cut off or not there', async () => {
    const path = join(folder, 'filter.safetensors');
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, -4));
    await expect(openFilter(folder)).rejects.toMatchObject({ code: 'bad-file' });
    await writeSafetensors(
      path,
      new Map([['hidden.bias', { dtype: 'F32', shape: [32], data: new Float32Array(32) }]]),
    );
    await expect(openFilter(folder)).rejects.toMatchObject({ code: 'bad-file' });
    await rm(path);
    await expect(openFilter(folder)).rejects.toMatchObject({ code: 'not-found' });
  });
});
