import { expect, it } from 'vitest';
import { generate } from './generate.ts';
import { loadStories } from './testing/models.ts';

it('lets two generations share a model: their forwards take turns', async () => {
  await using model = await loadStories('w8a8');
  const prompts = ['Once upon a time', 'The little dog'];
  const options = { method: 'prompt-lookup', maxTokens: 40 };
  const together = await Promise.all(prompts.map((prompt) => generate(model, prompt, options).result));
  for (const [i, prompt] of prompts.entries()) {
    const alone = await generate(model, prompt, options).result;
    expect(together[i].tokens).toEqual(alone.tokens);
  }
});

it('goes on after a forward that failed', async () => {
  await using model = await loadStories('fp32');
  const cache = model.newCache();
  const sequence = cache.slots.createSequence();
  const wrong = model.forward(cache, [{ sequence, tokens: [-1], scored: [0] }]);
  const right = model.forward(cache, [{ sequence, tokens: [1], scored: [0] }]);
  await expect(wrong).rejects.toThrow(expect.objectContaining({ code: 'bad-input' }));
  expect((await right).scores[0].topToken(0)).toBeGreaterThan(0);
});
