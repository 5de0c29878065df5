/** The recipes of docs/training.md as a user runs them: from their files, importing the built package. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { generate, load } from '../src/index.ts';
import { findRecipe, lossChange, trainRecipe } from '../src/train/index.ts';

async function trainExample(file: string, steps: number) {
  const folder = await mkdtemp(join(tmpdir(), 'examples-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return await trainRecipe(await findRecipe(file), { folder, steps });
}

describe('examples', () => {
  it.each(['finetune', 'lora'])('%s.mjs is a recipe in under 60 lines', async (name) => {
    const lines = (await readFile(`examples/${name}.mjs`, 'utf8')).split('\n').length;
    expect(lines).toBeLessThan(60);
  });

  it('finetune.mjs teaches house-causal a new task', async () => {
    const { log, model: path } = await trainExample('examples/finetune.mjs', 40);
    const { first, last } = lossChange(log);
    expect(last).toBeLessThan(first / 2);
    await using model = await load(path);
    const { text } = await generate(model, [{ role: 'user', content: 'Count e: treeletter' }], {
      maxTokens: 4,
    }).result;
    expect(text).toMatch(/^\d$/);
  });

  it('lora.mjs adapts the last layers of a frozen model', async () => {
    vi.stubEnv('LORA_BASE', 'house-causal');
    onTestFinished(() => vi.unstubAllEnvs() as unknown as undefined);
    const { log, model: path } = await trainExample('examples/lora.mjs', 20);
    const { first, last } = lossChange(log);
    expect(last).toBeLessThan(first);
    await using model = await load(path);
    expect(model.config.layers).toBe(6);
  });
});
