import type { ChildProcess } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { proofs } from '../proofs/registry.ts';
import { type CliOptions, type CliResult, runCli } from './testing/run-cli.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-prove-'));
afterAll(() => rm(folder, { recursive: true }));

const run = (args: string, options: CliOptions = {}): Promise<CliResult> =>
  runCli(`prove ${args}`.split(' ').filter(Boolean), { ...options, env: { QUICKSTEP_CACHE: folder } });

/** The story teller, said to be a masked diffusion model: it is sure of nothing. */
async function unsureModel(): Promise<string> {
  const path = join(folder, 'unsure');
  await cp(fileURLToPath(new URL('../../models/stories260k', import.meta.url)), path, { recursive: true });
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'));
  const masked = { ...config, is_causal: false, mask_token_id: 0 };
  await writeFile(join(path, 'config.json'), JSON.stringify(masked));
  return path;
}

describe('prove', () => {
  it('lists the proofs', async () => {
    const [table, json] = [await run(''), await run('--json')];
    const list = JSON.parse(json.stdout);
    expect(list.map(({ slug }: { slug: string }) => slug)).toEqual([...proofs.keys()]);
    expect(Object.keys(list[0])).toEqual(['slug', 'claim', 'threshold', 'model', 'tasks']);
    expect(table.stdout).toMatch(/^paper +bar +claim\nfreedave +1\.5x +At least 1\.5 times/);
  });

  it('prints what was measured, and the verdict', async () => {
    const { code, stdout, stderr } = await run('freedave --samples 2 --batch 2 --seed 9');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^freedave: 0%, 0 of \d+ problems, /);
    expect(stderr).toMatch(/freedave: 100%, (\d+) of \1 problems.*\n$/);
    expect(stdout).toMatch(
      /^freedave: At least 1\.5 times fewer forwards .*\n.*seed 9: 2 unseen problems each of /,
    );
    expect(stdout).toMatch(/\none token a step .*\nfreedave, 4 canvases .* [\d.]+x\n/);
    expect(stdout).toMatch(/\nholds +[\d.]+x +1\.5x +times fewer forwards than one token a step\n/);
    expect(stdout).toMatch(/\n\nThe claim holds\.\n$/);
  });

  it('prints one object for machines', async () => {
    const { code, stdout, stderr } = await run('freedave --samples 1 --json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const verdict = JSON.parse(stdout);
    const { measured, baseline, ratio } = verdict;
    expect(Object.keys(verdict).slice(0, 8)).toEqual([
      ...['slug', 'claim', 'measured', 'baseline', 'ratio', 'threshold', 'gain', 'holds'],
    ]);
    expect(verdict).toMatchObject({
      ...{ slug: 'freedave', threshold: 1.5, holds: true, ratio: baseline / measured },
      ...{ model: 'house-diffusion', seed: 0, samples: 1, split: 'test' },
    });
    expect(ratio).toBeGreaterThanOrEqual(1.5);
    expect(verdict.measurements[1].all).toMatchObject({ forwards: measured });
  });

  it('fails when the claim does not hold', async () => {
    const model = await unsureModel();
    const { code, stdout, stderr } = await run(`localleap --samples 1 --training --model ${model}`);
    expect(code).toBe(1);
    expect(stdout).toMatch(/: 1 TRAINING problems each of /);
    expect(stdout).toMatch(/\nFAILS +1\.\d\dx +3x +times fewer forwards than one token a step\n/);
    expect(stdout).toMatch(/\nThe claim does not hold\.\n$/);
    expect(stderr).toMatch(
      /\nquickstep: The claim of localleap does not hold on these problems\. More --samples /,
    );
  });

  it('stops at Ctrl-C with what it has', async () => {
    // At the second report of progress some problems are done.
    let reports = 0;
    const later = (child: ChildProcess) => ++reports < 2 || child.killed || child.kill('SIGINT');
    const { code, stdout, stderr } = await run('freedave --samples 20 --batch 1', { onErrorOutput: later });
    expect(code).toBe(130);
    const [, problems] = /\nStopped after (\d+) problems; nothing is proven\.\n$/.exec(stderr)!.map(Number);
    expect(problems).toBeGreaterThan(0);
    expect(stdout).toMatch(/^right answers in forwards .*\none token a step /);
    expect(stdout).not.toMatch(/claim/);
  });

  it.each([
    ['freedav', /^quickstep: There is no proof of "freedav"\. Did you mean freedave\?/],
    ['magnet', /^quickstep: There is no proof of "magnet"\. Proofs: freedave, /],
    ['freedave prophet', /^quickstep: "prove" takes one paper\./],
    ['freedave --samples 0', /^quickstep: --samples 0: /],
    ['freedave --seed 1.5', /^quickstep: --seed 1\.5: /],
    ['freedave --draft-steps 2', /^quickstep: Unknown option --draft-steps\./],
  ])('refuses %s', async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('says which model cannot be proven on', async () => {
    const { code, stderr } = await run('freedave --samples 1 --model stories260k');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^quickstep: Method freedave needs canvas, which stories260k lacks\./);
  });
});
