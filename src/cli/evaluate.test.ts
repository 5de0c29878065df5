import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CliOptions, type CliResult, runCli } from './testing/run-cli.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-evaluate-'));
afterAll(() => rm(folder, { recursive: true }));

const run = (args: string, options: CliOptions = {}): Promise<CliResult> =>
  runCli(`evaluate ${args}`.split(' '), { ...options, env: { QUICKSTEP_CACHE: folder } });

const stories = 'stories260k --max-tokens 8';
const row = (question: string, answer: string) => JSON.stringify({ question, answer });

describe('evaluate', () => {
  it('prints the accuracy, progress on the other stream', async () => {
    const { code, stdout, stderr } = await run(`${stories} --task countdown --level 2 --samples 6 --batch 3`);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^stories260k on countdown, level 2, with greedy, seed 0\n/);
    expect(stdout).toMatch(/\n0 of 6 right: 0\.0% \(95% interval 0\.0% to 39\.0%\)\n/);
    expect(stdout).toMatch(
      /\n48 tokens in [\d.]+ s, [\d.]+ tokens\/s · 48 steps, 48 forwards of \d+ rows\n$/,
    );
    expect(stderr).toMatch(/countdown: 100%, 6 of 6 problems/);
  });

  it('prints one object for machines, with the method asked for', async () => {
    const { code, stdout, stderr } = await run(
      `${stories} --task json --samples 3 --seed 5 --method prompt-lookup --draft-tokens 2 --show 1 --json`,
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('');
    const { answers, ...evaluation } = JSON.parse(stdout);
    expect(evaluation).toEqual({
      ...{ model: 'stories260k', task: 'json', level: 1, method: 'prompt-lookup', samples: 3, seed: 5 },
      ...{ correct: 0, accuracy: 0, low: 0, high: expect.closeTo(0.5615, 4) },
      ...{ steps: expect.any(Number), forwards: expect.any(Number), rows: expect.any(Number) },
      ...{ tokens: 24, seconds: expect.any(Number) },
    });
    expect(answers).toEqual([
      {
        prompt: expect.stringContaining('JSON: '),
        expected: expect.stringMatching(/^\{/),
        answer: expect.any(String),
        correct: false,
      },
    ]);
  });

  it('reads a data file', async () => {
    const path = join(folder, 'school.jsonl');
    await writeFile(path, `${row('How many?', 'many\n#### 1,003')}\n${row('And now?', '#### 2')}\n`);
    const { code, stdout } = await run(`${stories} --data ${path} --json`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ task: 'school', level: null, samples: 2, seed: 0 });
  });

  it('names the line of a data file it cannot read', async () => {
    const path = join(folder, 'broken.jsonl');
    await writeFile(path, `${row('How many?', '#### 3')}\n{"question": \n`);
    const { code, stdout, stderr } = await run(`${stories} --data ${path}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^quickstep: broken, line 2: it is not valid JSON\. /);
  });

  it('stops at Ctrl-C with what it has', async () => {
    // Some batches after the first report of progress.
    const later = (child: ChildProcess) => setTimeout(() => child.kill('SIGINT'), 1000);
    const { code, stdout, stderr } = await run(`${stories} --task sorting --samples 1000000 --batch 2`, {
      onErrorOutput: later,
    });
    expect(code).toBe(130);
    expect(stderr).toMatch(/\nStopped after \d+ problems of sorting\.\n$/);
    const [, samples] = /\n0 of (\d+) right: /.exec(stdout)!.map(Number);
    expect(samples).toBeGreaterThan(0);
    expect(samples % 2).toBe(0);
  });

  it.each([
    ['stories260k', /^quickstep: There is nothing to solve\. Give one of --task/],
    ['stories260k --task countdown --data x', /^quickstep: There are a task and a data file\./],
    ['stories260k --task contdown', /Did you mean countdown\?/],
    [
      'stories260k --task countdown --level 5',
      /^quickstep: The task countdown has no level 5\. Levels: 1, 2, 3, 4\./,
    ],
    ['stories260k --data x --level 2', /^quickstep: A data file has no levels\./],
    ['stories260k --model smollm2 --task countdown', /^quickstep: There are two models\./],
    ['stories260k smollm2 --task countdown', /^quickstep: There are two models\./],
    ['stories260k --task countdown --samples 0', /^quickstep: --samples 0: /],
    ['stories260k --task countdown --method medusa-of-mine', /^quickstep: There is no decoding method/],
  ])('refuses %s', async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('says which data file is not there', async () => {
    const { code, stderr } = await run(`stories260k --data ${join(folder, 'no.jsonl')}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^quickstep: The data file .* cannot be read \(ENOENT\)\. Check --data\./);
  });
});
