import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from './testing/run-cli.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-cli-batch-'));
afterAll(() => rm(folder, { recursive: true }));

const line = (id: number, prompt: string, tokens: number) =>
  `${JSON.stringify({ custom_id: `r${id}`, method: 'POST', url: '/v1/completions', body: { prompt, max_tokens: tokens, temperature: 0, ignore_eos: true } })}\n`;
const count = async (path: string) => (await readFile(path, 'utf8')).split('\n').length - 1;

describe('batch', () => {
  it('answers a file, says what it took, and has nothing left to do the second time', async () => {
    const [input, output] = [join(folder, 'a.jsonl'), join(folder, 'a-out.jsonl')];
    const text = [1, 2, 3].map((i) => line(i, `Lily had a red ball. She saw ${i}`, 4)).join('');
    await writeFile(input, text);
    const args = ['batch', input, output, '--model', 'stories260k'];
    const first = await runCli(args);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toMatch(
      /3 of 3 requests answered · 12 tokens in .* prompt tokens shared · \d+ forwards/,
    );
    const again = await runCli([...args, '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({
      answered: 3,
      resumed: 3,
      failed: 0,
      model: 'stories260k',
    });
    expect(await count(output)).toBe(3);

    await writeFile(input, `${text}nonsense\n`);
    const wrong = await runCli(args);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(
      /1 of 4 requests have no answer\. Their errors are in .*a-out\.errors\.jsonl/,
    );
  });

  it('saves what is done at Ctrl-C, and goes on', async () => {
    const [input, output] = [join(folder, 'b.jsonl'), join(folder, 'b-out.jsonl')];
    await writeFile(input, Array.from({ length: 300 }, (_, i) => line(i, `Lily saw ${i}`, 30)).join(''));
    const args = ['batch', input, output, '--model', 'stories260k'];
    let reports = 0;
    const stopped = await runCli(args, {
      onErrorOutput(child) {
        // The first report is at the beginning, each other a tenth further.
        if (++reports === 4) child.kill('SIGINT');
      },
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/Stopped: \d+ of 300 requests done in this run, all saved/);
    const done = await count(output);
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(300);
    const { stdout } = await runCli([...args, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ answered: 300, resumed: done });
    expect(await count(output)).toBe(300);
  });

  it('says how it is used', async () => {
    const { code, stderr } = await runCli(['batch', 'in.jsonl']);
    expect(code).toBe(2);
    expect(stderr).toContain('takes the file of requests and the file of answers');
    expect((await runCli(['batch', '--help'])).stdout).toContain('--max-slots');
  });
});
