import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointStep } from './checkpoint.ts';
import { readLog } from './log.ts';
import { tinyRecipe } from './testing/tiny-recipe.ts';
import { trainRecipe } from './train-recipe.ts';
import { checkpointName } from './trainer.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-kill-'));
afterAll(() => rm(root, { recursive: true }));

const script = fileURLToPath(new URL('./testing/train-tiny.ts', import.meta.url));
const repository = fileURLToPath(new URL('../..', import.meta.url));
const steps = 30;
const trials = 20;

/** Starts a training process, and waits until it is about to take its first step. */
async function start(folder: string) {
  const args = ['--import', 'tsx', script, folder, String(steps)];
  const child = spawn(process.execPath, args, { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const [text] = await once(child.stdout, 'data');
  expect(String(text)).toBe('started\n');
  return { child, exited };
}

const filesOf = (folder: string) =>
  Promise.all(
    [checkpointName, 'model/model.safetensors'].map((name) => readFile(join(folder, name), 'latin1')),
  );
const lossesIn = async (folder: string) => (await readLog(folder)).map(({ step, loss }) => [step, loss]);

describe('a killed training process', () => {
  it(`leaves a run that goes on to the same bytes, ${trials} times`, async () => {
    const whole = join(root, 'whole');
    const { exited } = await start(whole);
    const begun = performance.now();
    expect((await exited)[0]).toBe(0);
    const duration = performance.now() - begun;
    const [files, losses] = [await filesOf(whole), await lossesIn(whole)];
    expect(losses).toHaveLength(steps);

    const stopped: number[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const folder = join(root, `trial-${trial}`);
      const { child, exited } = await start(folder);
      await sleep(Math.random() * duration);
      child.kill('SIGKILL');
      await exited;
      const done = await checkpointStep(join(folder, checkpointName), { recipe: 'tiny', seed: 1, steps });
      stopped.push(done);
      expect((await lossesIn(folder)).slice(0, done)).toEqual(losses.slice(0, done));
      await trainRecipe(tinyRecipe({ average: 0.9 }), { folder, steps, threads: 1 });
      expect(await filesOf(folder), `killed at step ${done}`).toEqual(files);
      expect(await lossesIn(folder)).toEqual(losses);
    }
    // The moments must differ for the trials to mean something.
    expect(new Set(stopped).size, stopped.join()).toBeGreaterThan(4);
  });
});
