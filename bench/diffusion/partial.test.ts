import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { json, oneTokenAStep, sudoku, thresholdOf } from '../../src/proofs/house-tasks.ts';
import type { Measurement } from '../../src/tasks/measure.ts';
import { readPartial, removePartial, settingsText, writePartial } from './partial.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-partial-'));
afterAll(() => rm(folder, { recursive: true }));

const tasks = [json, sudoku];
const decodings = [oneTokenAStep, thresholdOf(0.9)];
const run = { models: [{ id: 'some', digest: 'abc' }], precision: 'w8a8', threads: 2, seed: 1, batch: 10 };
const settings = settingsText(run, tasks, decodings);
const measured: Measurement[] = decodings.map((decoding, d) => ({
  decoding,
  tasks: tasks.map((task) => ({
    task,
    outcomes: [{ correct: d === 0, steps: 3, forwards: 3, rows: 90, tokens: [4, 5, 0] }],
    seconds: 0.5,
  })),
}));

describe('a partial run', () => {
  it('comes back as it was', async () => {
    const path = join(folder, 'deep', 'run.json');
    expect(await readPartial(path, settings, tasks, decodings)).toBeUndefined();
    await writePartial(path, settings, measured);
    expect(await readPartial(path, settings, tasks, decodings)).toEqual(measured);
    expect(await readdir(join(folder, 'deep'))).toEqual(['run.json']);
    await removePartial(path);
    expect(await readPartial(path, settings, tasks, decodings)).toBeUndefined();
  });

  it('is not gone on with under other settings', async () => {
    const path = join(folder, 'other.json');
    await writePartial(path, settings, measured);
    for (const other of [
      settingsText({ ...run, seed: 2 }, tasks, decodings),
      settingsText({ ...run, models: [{ id: 'some', digest: 'abd' }] }, tasks, decodings),
      settingsText(run, [json], decodings),
      settingsText(run, tasks, [oneTokenAStep, thresholdOf(0.8)]),
    ]) {
      expect(other).not.toBe(settings);
      expect(await readPartial(path, other, tasks, decodings)).toBeUndefined();
    }
  });

  it.each(['', '{', '{"settings": 1}', 'null'])('begins anew from %j', async (text) => {
    const path = join(folder, 'broken.json');
    await writeFile(path, text);
    expect(await readPartial(path, settings, tasks, decodings)).toBeUndefined();
  });
});
