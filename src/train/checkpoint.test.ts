import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { QuickstepError } from '../errors.ts';
import { float32 } from '../graph/types.ts';
import { writeSafetensors } from '../weights/safetensors-write.ts';
import { checkpointStep, type RunState, restoreCheckpoint, saveCheckpoint } from './checkpoint.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-checkpoint-'));
afterAll(() => rm(folder, { recursive: true }));

const run = { recipe: 'tiny', seed: 3, steps: 10 };
const state = (fill = 0, kinds = ['parameter', 'optimizer']): RunState =>
  Object.fromEntries(
    kinds.map((kind) => [kind, new Map([['w', float32([2, 3], new Float32Array(6).fill(fill))]])]),
  );

async function saved(name: string): Promise<string> {
  const path = join(folder, name);
  await saveCheckpoint(path, run, 7, state(0.5));
  return path;
}

describe('a checkpoint', () => {
  it('gives back step and tensors', async () => {
    const path = await saved('whole');
    const restored = state();
    expect(await restoreCheckpoint(path, run, restored)).toBe(7);
    expect(restored).toEqual(state(0.5));
    expect(await checkpointStep(path, run)).toBe(7);
  });

  it('is at step 0 where there is none', async () => {
    const path = join(folder, 'none');
    expect(await restoreCheckpoint(path, run, state())).toBe(0);
    expect(await checkpointStep(path, run)).toBe(0);
  });

  it('knows its run whatever order the fields come in', async () => {
    const path = await saved('order');
    expect(await checkpointStep(path, { steps: 10, seed: 3, recipe: 'tiny' })).toBe(7);
  });

  it.each([{ recipe: 'other' }, { seed: 4 }, { steps: 11 }])('refuses the run with %j', async (other) => {
    const path = await saved('other');
    const refusal = {
      code: 'bad-option',
      message: expect.stringMatching(/belongs to the run .*"tiny".* another --out folder\.$/),
    };
    await expect(restoreCheckpoint(path, { ...run, ...other }, state())).rejects.toMatchObject(refusal);
    await expect(checkpointStep(path, { ...run, ...other })).rejects.toMatchObject(refusal);
  });

  const shaped = (...shape: number[]): RunState => ({
    ...state(),
    optimizer: new Map([['w', float32(shape, new Float32Array(shape.reduce((a, b) => a * b)))]]),
  });
  it.each([
    ['of another size', shaped(2, 4), /has no optimizer\/w of shape \[2, 4\]/],
    ['of another shape', shaped(3, 2), /has no optimizer\/w of shape \[3, 2\]/],
    ['with more tensors', state(0, ['parameter', 'optimizer', 'average']), /has no average\/w/],
    ['with fewer tensors', state(0, ['parameter']), /has 2 tensors, the run 1/],
  ])('refuses a recipe %s', async (_, other, message) => {
    const path = await saved('version');
    await expect(restoreCheckpoint(path, run, other)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('Another version of the recipe'),
    });
  });

  it('refuses other files', async () => {
    const path = join(folder, 'weights.safetensors');
    await writeSafetensors(path, new Map([['w', { dtype: 'F32', shape: [1], data: new Float32Array(1) }]]));
    await expect(checkpointStep(path, run)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('is not a training checkpoint'),
    });
    await expect(checkpointStep(folder, run)).rejects.toMatchObject({ code: 'bad-file' });
  });

  it('says that it is damaged, wherever it was cut off', async () => {
    const bytes = await readFile(await saved('to-cut'));
    const path = join(folder, 'cut');
    for (let length = 0; length < bytes.length; length += 7) {
      await writeFile(path, bytes.subarray(0, length));
      const damaged = {
        code: 'bad-file',
        message: expect.stringMatching(/is damaged\. Delete it to begin again/),
      };
      await expect(restoreCheckpoint(path, run, state())).rejects.toMatchObject(damaged);
    }
  });

  it('never fails but with an error a user can act on', async () => {
    const bytes = await readFile(await saved('to-break'));
    const path = join(folder, 'broken');
    const header = bytes.length - 2 * 6 * 4;
    const flip = fc.record({ at: fc.nat(header - 1), bit: fc.nat(7) });
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 4 }), async (flips) => {
        const broken = Buffer.from(bytes);
        for (const { at, bit } of flips) broken[at] ^= 1 << bit;
        await writeFile(path, broken);
        await restoreCheckpoint(path, run, state()).catch((error) => {
          expect(QuickstepError.isInstance(error), String(error)).toBe(true);
        });
      }),
    );
  });
});
