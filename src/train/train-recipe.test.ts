import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type * as fs from 'node:fs/promises';
import { access, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { logName, readLog } from './log.ts';
import { tinyRecipe } from './testing/tiny-recipe.ts';
import { type RunStart, type TrainRecipeOptions, trainRecipe } from './train-recipe.ts';
import { checkpointName, type TrainingStep } from './trainer.ts';

/** A disk that can be full for files whose path matches. */
const disk = vi.hoisted(() => ({ full: undefined as RegExp | undefined }));
vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof fs>();
  const open: typeof actual.open = async (path, ...rest) => {
    const handle = await actual.open(path, ...rest);
    if (!disk.full?.test(String(path))) return handle;
    const refuse = async () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    return Object.assign(handle, { writeFile: refuse, appendFile: refuse });
  };
  return { ...actual, open };
});

const root = await mkdtemp(join(tmpdir(), 'quickstep-run-'));
afterAll(() => rm(root, { recursive: true }));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'run-'));
  disk.full = undefined;
});

const run = (more: Partial<TrainRecipeOptions> = {}, recipe = tinyRecipe({ average: 0.9 })) =>
  trainRecipe(recipe, { folder, threads: 1, ...more });
/** Bytes as characters: a difference is printed in one line. */
const read = (name: string) => readFile(join(folder, name), 'latin1');
const exists = (name: string) =>
  access(join(folder, name)).then(
    () => true,
    () => false,
  );

/** A signal that aborts once a step is done. */
function stopAfter(last: number) {
  const control = new AbortController();
  const reason = new Error('enough');
  const onStep = ({ step }: TrainingStep) => {
    if (step === last) control.abort(reason);
  };
  return { signal: control.signal, onStep, reason };
}

describe('trainRecipe', () => {
  it('leaves checkpoint, log, curve and model, and no lock', async () => {
    const steps: number[] = [];
    const { log, ...result } = await run({ onStep: ({ step }) => steps.push(step) });
    expect(result).toEqual({ recipe: 'tiny', seed: 1, steps: 6, model: join(folder, 'model') });
    expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await readLog(folder)).toEqual(log);
    expect(log[5].loss).toBeLessThan(log[0].loss);
    expect((await readdir(folder)).sort()).toEqual([checkpointName, 'curve.svg', logName, 'model']);
    expect(await read('curve.svg')).toContain('<title>tiny, seed 1, 6 steps</title>');
  });

  it('goes on after an abort, with one log', async () => {
    const whole = await run();
    const expected = [await read('model/model.safetensors'), await read(checkpointName)];
    folder = await mkdtemp(join(root, 'run-'));
    const { reason, ...stop } = stopAfter(4);
    await expect(run({ ...stop, saveEvery: 3 })).rejects.toBe(reason);
    expect(await read('curve.svg')).toContain('4 of 6 steps');
    expect(await exists('model')).toBe(false);
    expect(await exists('lock')).toBe(false);
    let start: RunStart | undefined;
    const { log } = await run({
      onStart: (told) => {
        start = told;
      },
    });
    expect(start).toMatchObject({ done: 4, steps: 6 });
    expect(start!.log.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(log.map(({ step, loss }) => [step, loss])).toEqual(
      whole.log.map(({ step, loss }) => [step, loss]),
    );
    expect(await readLog(folder)).toEqual(log);
    expect([await read('model/model.safetensors'), await read(checkpointName)]).toEqual(expected);
  });

  it('writes the model of a finished run again, without a step', async () => {
    const { log } = await run();
    const model = await read('model/model.safetensors');
    await rm(join(folder, 'model'), { recursive: true });
    const onStep = () => expect.unreachable();
    expect((await run({ onStep })).log).toEqual(log);
    expect(await read('model/model.safetensors')).toEqual(model);
  });

  it('trains a finished run again when asked to, but not an unfinished one', async () => {
    const { reason, ...stop } = stopAfter(2);
    await expect(run(stop)).rejects.toBe(reason);
    const done: number[] = [];
    const onStart = (start: RunStart) => done.push(start.done);
    const first = await run({ again: true, onStart });
    const second = await run({ again: true, onStart });
    expect(done).toEqual([2, 0]);
    expect(second.log.map(({ loss }) => loss)).toEqual(first.log.map(({ loss }) => loss));
  });

  it('refuses the folder of another run and leaves it as it is', async () => {
    await run();
    const [log, checkpoint] = [await read(logName), await read(checkpointName)];
    for (const other of [{ seed: 2 }, { steps: 9 }, { steps: 9, again: true }])
      await expect(run(other)).rejects.toMatchObject({ code: 'bad-option' });
    // The same name and steps, and another model.
    const changed = tinyRecipe({ average: 0.9, layers: 2 });
    await expect(run({}, changed)).rejects.toMatchObject({ code: 'bad-file' });
    expect([await read(logName), await read(checkpointName)]).toEqual([log, checkpoint]);
  });

  it('removes what a killed process had not finished writing', async () => {
    const name = `${checkpointName}.123.abc.tmp`;
    await writeFile(join(folder, name), 'half');
    await run({ steps: 2 });
    expect(await exists(name)).toBe(false);
  });
});

describe('the lock', () => {
  const host = hostname().replace(/[^A-Za-z0-9-]/g, '-');
  const leaveLock = async (pid: number, where = host) => {
    await mkdir(join(folder, 'lock'));
    await writeFile(join(folder, 'lock', `${pid}~${where}~0`), '');
  };

  it('keeps a second run out, in this process too', async () => {
    let second: Promise<unknown> | undefined;
    const onStep = ({ step }: TrainingStep) => {
      if (step === 1) second = run().catch((error) => error);
    };
    await run({ onStep });
    expect(await second).toMatchObject({
      code: 'busy',
      message: expect.stringMatching(
        new RegExp(`^Process ${process.pid} on ${host} is training in .* If it is gone, delete .*lock\\.$`),
      ),
    });
  });

  it('of a dead process is taken over', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await leaveLock(child.pid!);
    await run({ steps: 1 });
    expect(await exists('lock')).toBe(false);
  });

  it('of another machine, or without a name, is not', async () => {
    await leaveLock(1, 'elsewhere');
    await expect(run()).rejects.toMatchObject({ message: expect.stringContaining('on elsewhere') });
    await rm(join(folder, 'lock'), { recursive: true });
    await mkdir(join(folder, 'lock'));
    await expect(run()).rejects.toMatchObject({ message: expect.stringMatching(/^Another process/) });
  });

  it('says that there can be no folder', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(run({ folder: file })).rejects.toMatchObject({ code: 'bad-option' });
    await expect(run({ folder: join(file, 'below') })).rejects.toMatchObject({ code: 'bad-option' });
    expect((await stat(file)).size).toBe(0);
  });
});

describe('a full disk', () => {
  it('keeps the last checkpoint, and the run goes on once there is space', async () => {
    await run();
    const expected = await read(checkpointName);
    folder = await mkdtemp(join(root, 'run-'));
    const onStep = ({ step }: TrainingStep) => {
      if (step === 3) disk.full = /checkpoint/;
    };
    await expect(run({ saveEvery: 2, onStep })).rejects.toMatchObject({
      code: 'no-space',
      message: expect.stringMatching(/^The disk is full; ".*checkpoint\.safetensors" was not written\./),
    });
    disk.full = undefined;
    let done = 0;
    await run({
      onStart: (start) => {
        done = start.done;
      },
    });
    expect(done).toBe(2);
    expect(await read(checkpointName)).toEqual(expected);
    expect((await readLog(folder)).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each(['log.jsonl$', 'model.safetensors'])('is named when %s cannot be written', async (name) => {
    disk.full = new RegExp(name);
    await expect(run()).rejects.toMatchObject({ code: 'no-space' });
    disk.full = undefined;
    await run();
    expect((await readLog(folder)).at(-1)!.step).toBe(6);
  });
});
