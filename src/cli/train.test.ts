import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { recipes } from '../train/recipes/registry.ts';
import { type CliOptions, type CliResult, runCli } from './testing/run-cli.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-train-'));
afterAll(() => rm(folder, { recursive: true }));

const train = (args: string, options: CliOptions = {}): Promise<CliResult> =>
  runCli(['train', ...args.split(' ').filter(Boolean)], options);

/** A recipe of a user's: the root of a number, with a learning rate to go up or down. */
async function writeRecipe(slug: string, learningRate: number): Promise<string> {
  const library = fileURLToPath(new URL('../../.cache/train/index.js', import.meta.url));
  const path = join(folder, `${slug}.mjs`);
  await writeFile(
    path,
    `import { writeFile } from 'node:fs/promises';
import { AdamW, constantSchedule, defineRecipe } from ${JSON.stringify(library)};
export default defineRecipe({
  slug: '${slug}', title: 'Root', summary: 'The root of 2.', seed: 3, smokeSteps: 12,
  prepare: async ({ seed, steps = 40 }) => ({
    plan: {
      parameters: new Map([['w', { dtype: 'float32', shape: [1], data: Float32Array.of(seed) }]]),
      objective: (b, weight) => {
        const difference = b.sub(b.mul(weight('w'), weight('w')), 2);
        return { loss: b.reduceSum(b.mul(difference, difference), [0], false) };
      },
      batches: () => [{}],
      steps,
      schedule: constantSchedule(${learningRate}),
      optimizer: (parameters, trained) => new AdamW(parameters, trained),
    },
    save: (folder, parameters) => writeFile(folder + '/root', String(parameters.get('w').data[0])),
  }),
});
`,
  );
  return path;
}

describe('train', () => {
  it('lists the recipes', async () => {
    const [table, json] = [await train(''), await train('--json')];
    const list = JSON.parse(json.stdout);
    expect(list.map(({ slug }: { slug: string }) => slug)).toEqual([...recipes.keys()]);
    expect(Object.keys(list[0])).toEqual(['slug', 'title', 'summary', 'seed']);
    expect(table.stdout).toMatch(/^recipe +summary\nhouse-causal +Six layers/);
  });

  it("trains a user's recipe, with progress, curve and model", async () => {
    const recipe = await writeRecipe('root', 0.1);
    const out = join(folder, 'plain');
    const { code, stdout, stderr } = await train(`${recipe} --out ${out}`);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^root: 0%, 0 of 40 steps\n/);
    expect(stderr).toMatch(/root: 100%, 40 of 40 steps.*, loss [\d.e-]+\n$/);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^root, seed 3: 40 steps in 0s, loss 49 to [\d.e-]+$/);
    expect(lines[1]).toMatch(/^ *49 │█/);
    expect(lines.slice(-2)).toEqual([`model  ${out}/model`, `curve  ${out}/curve.svg`]);
    expect(Number(await readFile(join(out, 'model', 'root'), 'utf8'))).toBeCloseTo(Math.SQRT2, 0);
    expect((await readdir(out)).sort()).toEqual([
      'checkpoint.safetensors',
      'curve.svg',
      'log.jsonl',
      'model',
    ]);
    expect((await readFile(join(out, 'log.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(40);

    const again = await train(`${recipe} --out ${out}`);
    expect(again.code).toBe(0);
    expect(again.stderr).toBe(`The run in ${out} is finished; its model is written again.\n`);
    expect(again.stdout).toBe(stdout);
  });

  it('ends with one object for machines', async () => {
    const recipe = await writeRecipe('root', 0.1);
    const out = join(folder, 'json');
    const { code, stdout, stderr } = await train(`${recipe} --out ${out} --steps 7 --seed 2 --json`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      ...{ recipe: 'root', seed: 2, steps: 7, firstLoss: 4, lastLoss: expect.any(Number) },
      ...{ seconds: expect.any(Number), model: join(out, 'model') },
    });
  });

  it('stops at Ctrl-C and goes on with the command it prints', async () => {
    const recipe = await writeRecipe('root', 1e-4);
    const out = join(folder, 'it is stopped');
    const args = ['train', recipe, '--out', out, '--steps', '20000'];
    let reports = 0;
    const later = (child: ChildProcess) => ++reports < 2 || child.killed || child.kill('SIGINT');
    const stopped = await runCli(args, { onErrorOutput: later });
    expect(stopped.code, stopped.stderr).toBe(130);
    const [, step, command] = /Stopped after step (\d+)\. To go on:\n {2}(.*)\n$/.exec(stopped.stderr)!;
    expect(command).toBe(`quickstep train ${recipe} --out '${out}' --steps 20000`);
    expect(stopped.stdout).toMatch(/│█/);
    expect(await readFile(join(out, 'curve.svg'), 'utf8')).toContain(`${step} of 20000 steps`);

    const resumed = await runCli(args, {});
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain(`Going on after step ${step} of 20000, from ${out}.\n`);
    const lines = (await readFile(join(out, 'log.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).step)).toEqual(
      Array.from({ length: 20000 }, (_, i) => i + 1),
    );
  });

  it('fails a smoke run whose loss does not fall', async () => {
    const [falling, rising] = [await writeRecipe('falling', 0.1), await writeRecipe('rising', -0.1)];
    const fell = await train(`${falling} --smoke --out ${join(folder, 'falling')} --json`);
    expect(fell.code, fell.stderr).toBe(0);
    expect(JSON.parse(fell.stdout)).toMatchObject({ steps: 12, smoke: { fell: true } });
    const rose = await train(`${rising} --smoke --out ${join(folder, 'rising')}`);
    expect(rose.code).toBe(1);
    expect(rose.stdout).toMatch(/^rising, seed 3: 12 steps/);
    expect(rose.stderr).toMatch(
      /\nquickstep: The loss of rising did not fall in 12 steps: [\d.]+ at first, /,
    );
  });

  it('learns as a house model within a few steps', async () => {
    const { code, stdout, stderr } = await train(
      `house-causal --smoke --steps 10 --out ${join(folder, 'house')} --json`,
    );
    expect(code, stderr).toBe(0);
    const { firstLoss, lastLoss, model, smoke } = JSON.parse(stdout);
    expect(firstLoss).toBeGreaterThan(6);
    expect(lastLoss).toBeLessThan(3.5);
    expect(smoke.fell).toBe(true);
    const answer = await runCli(
      ['generate', 'Tom has 3 apples.', '--model', model, '--max-tokens', '3', '--ignore-eos', '--json'],
      { env: { QUICKSTEP_CACHE: folder } },
    );
    expect(answer.code, answer.stderr).toBe(0);
    expect(JSON.parse(answer.stdout).tokens).toBe(3);
  }, 400_000);

  // Later versions of Node.js import TypeScript by themselves.
  it.skipIf(Number.parseInt(process.versions.node, 10) >= 22)(
    'says how to run a recipe in TypeScript',
    async () => {
      const path = join(folder, 'mine.ts');
      await writeFile(path, 'export default {};');
      const { code, stderr } = await train(path);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^quickstep: Node\.js \d+\S+ cannot import TypeScript: .*mine\.ts\. Run it through tsx/,
      );
    },
  );

  it.each([
    ['house-causal house-draft', 2, /^quickstep: "train" takes one recipe\./],
    ['house-causl', 1, /^quickstep: There is no recipe "house-causl"\. Recipes: house-causal/],
    ['./nowhere.mjs', 1, /^quickstep: There is no file \.\/nowhere\.mjs\./],
    ['house-causal --steps 0', 2, /^quickstep: --steps 0: /],
    ['house-causal --save-every 0', 2, /^quickstep: --save-every 0: /],
    ['house-causal --seed 1.5', 2, /^quickstep: --seed 1\.5: /],
  ])('refuses %s', async (args, code, message) => {
    const result = await train(args);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
    expect(result.stderr).toMatch(message);
  });
});
