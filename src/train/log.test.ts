import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { logName, RunLog, readLog } from './log.ts';
import type { TrainingStep } from './trainer.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-log-'));
afterAll(() => rm(root, { recursive: true }));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'run-'));
});

const record = (step: number, loss = 1 / step): TrainingStep => ({
  ...{ step, steps: 9, loss, metrics: { error: 2 }, learningRate: 0.1, gradientNorm: 3, seconds: 0.5 },
});
const numbers = async () => (await readLog(folder)).map(({ step }) => step);
const path = () => join(folder, logName);

async function write(from: number, to: number, done = from - 1): Promise<void> {
  const log = await RunLog.open(folder, done);
  for (let step = from; step <= to; step++) await log.append(record(step));
  await log.close();
}

describe('the log', () => {
  it('has a line of JSON for each step', async () => {
    await write(1, 3);
    expect(await readLog(folder)).toEqual([record(1), record(2), record(3)]);
    expect((await readFile(path(), 'utf8')).split('\n')).toHaveLength(4);
  });

  it('drops the steps beyond the checkpoint', async () => {
    await write(1, 5);
    await write(4, 6, 3);
    expect(await numbers()).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await readFile(path(), 'utf8')).trimEnd().split('\n')).toHaveLength(6);
    expect(await readdir(folder)).toEqual([logName]);
  });

  it('begins anew where there is no checkpoint', async () => {
    await write(1, 5);
    await write(1, 2);
    expect(await numbers()).toEqual([1, 2]);
  });

  it('drops a line that was cut off', async () => {
    await write(1, 2);
    await appendFile(path(), JSON.stringify(record(3)).slice(0, 40));
    expect(await numbers()).toEqual([1, 2]);
    await write(3, 3);
    expect(await readLog(folder)).toEqual([record(1), record(2), record(3)]);
  });

  it('keeps the later of two lines of a step, and what is not a step out', async () => {
    const lines = [record(1, 5), record(2), { step: 'x' }, record(1, 6)].map((line) => JSON.stringify(line));
    await writeFile(path(), ['', 'text', ...lines, ''].join('\n'));
    expect(await readLog(folder)).toEqual([record(1, 6), record(2)]);
  });

  it('is empty where there is none', async () => {
    expect(await readLog(join(folder, 'nowhere'))).toEqual([]);
  });

  it('says that it cannot be written', async () => {
    await expect(RunLog.open(join(folder, 'nowhere'), 0)).rejects.toMatchObject({ code: 'not-found' });
  });
});
