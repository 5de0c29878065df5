import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runCli } from './testing/run-cli.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-cli-ngrams-'));
afterAll(() => rm(folder, { recursive: true }));

it('builds a store of a folder, which superposed decoding writes several answers with', async () => {
  const text = 'Once upon a time, there was a cat. The cat was big. Once upon a hill, there was a dog.';
  await writeFile(join(folder, 'a.txt'), text);
  const out = join(folder, 'cats.bin');
  const build = ['ngrams', 'build', folder, '--model', 'stories260k', '--out', out];
  const built = await runCli(build);
  expect(built.stderr).toBe('');
  expect(built.stdout).toMatch(/cats\.bin: \d+ tokens of 1 files \(86 B\), n-grams of up to 6\n$/);
  const facts = JSON.parse((await runCli([...build, '--order', '3', '--json'])).stdout);
  expect(facts).toMatchObject({ path: out, files: 1, bytes: text.length, order: 3, vocabSize: 512 });

  const options = ['--model', 'stories260k', '--method', 'superposed-decoding', '--ngrams', out];
  const prompt = ['generate', 'Once upon a', ...options, '--drafts', '2', '--max-tokens', '5'];
  const { answers, text: answer } = JSON.parse((await runCli([...prompt, '--json'])).stdout);
  expect(answers).toHaveLength(2);
  expect(answers[0].text).toBe(answer);
  const { stdout } = await runCli(prompt);
  expect(stdout).toBe(`${answer}\n\n[2] score ${answers[1].score.toFixed(2)}:\n${answers[1].text}\n`);
});
