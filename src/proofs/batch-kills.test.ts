import { expect, it } from 'vitest';
import { generateBatch } from '../decode/generate.ts';
import { loadStories } from '../decode/testing/models.ts';
import { TaskRandom } from '../tasks/random.ts';
import { killBatch } from './batch-kills.ts';

it('a batch run that is killed loses nothing, repeats nothing and changes nothing', async () => {
  await using model = await loadStories('w8a8');
  const prompts = Array.from({ length: 60 }, (_, i) => model.tokenizer.encode(`Lily saw ${i} birds and`));
  const all = prompts.map((tokens) => ({ tokens }));
  const results = await generateBatch(model, all, { maxTokens: 40, ignoreEos: true }).result;
  const random = new TaskRandom(Math.floor(Math.random() * 2 ** 31), 1);
  random.reset(0, 0);
  const report = await killBatch({
    model: 'stories260k',
    requests: prompts.map((tokens) => ({ tokens, maxTokens: 40 })),
    answers: results.map(({ text }) => text),
    kills: 2,
    random,
  });
  expect(report).toMatchObject({ missing: 0, repeated: 0, changed: 0, rewritten: 0, kills: 2 });
  // Killed in the middle of its work.
  expect(
    report.doneAt.some((done) => done > 0 && done < prompts.length),
    report.doneAt.join(),
  ).toBe(true);
});
