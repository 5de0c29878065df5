/** What is compared, in a document without a browser: results keep the name of what was run, whatever the form says now. */

import { h, render } from 'preact';
import { expect, it, vi } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { act, main } from './dom.ts';

const methods = [
  ...['diffusion', 'freedave', 'localleap'].map((slug) => ({ slug, title: slug, needs: ['canvas'] })),
  ...['greedy', 'prompt-lookup', 'draft-alignment', 'beam-search'].map((slug) => ({
    slug,
    title: slug,
    needs: ['causal'],
  })),
];
vi.mock('catalogue:methods', () => ({ default: methods }));
vi.mock('catalogue:examples', () => ({ default: [{ task: 't', title: 'T', prompts: ['p'] }] }));
vi.mock('../src/charts/race.tsx', () => ({ Race: () => null }));

/** Every run is done at once, with its prompt for a text. */
const engine: Engine = {
  async *run({ method, prompt }) {
    yield { type: 'start', place: 'here' };
    const facts = {
      finish: 'eos',
      promptTokens: 1,
      steps: 1,
      forwards: 1,
      seconds: 1,
      tokensPerSecond: 1,
    } as const;
    yield { type: 'done', summary: { ...facts, text: prompt, tokens: method.length } };
  },
};
vi.mock('../src/run/use-models.ts', () => ({
  engineAt: () => engine,
  useModels: () => ({
    page: [{ id: 'house-diffusion', summary: '', capabilities: ['canvas'] }],
    server: [{ id: 'smollm2', summary: '', capabilities: ['causal'] }],
  }),
}));
const { ComparePage } = await import('../src/pages/compare.tsx');

const press = (text: string) => {
  const buttons = [...main.querySelectorAll('button')];
  return act('button', 'click', {
    index: buttons.findIndex(({ textContent }) => textContent?.trim() === text),
  });
};
const texts = (selector: string) => [...main.querySelectorAll(selector)].map((part) => part.textContent);
const titles = () => texts('.comparison tbody th');

it('keeps the results of a start by their names until the next', async () => {
  render(h(ComparePage, {}), main);
  await act('form', 'submit');
  expect(titles()).toEqual(['diffusion', 'freedave']);
  await act('#lane-1', 'change', { value: 'localleap' });
  expect(titles()).toEqual(['diffusion', 'freedave']);
  expect(texts('.lane h2')).toEqual(['diffusion', 'freedave']);
  await act('form', 'submit');
  expect(titles()).toEqual(['diffusion', 'localleap']);
});

it('does not mix the results of two starts', async () => {
  await press('Add a method');
  await act('form', 'submit');
  expect(titles()).toHaveLength(3);
  await press('Remove the last');
  await act('textarea', 'input', { value: 'another prompt' });
  await act('form', 'submit');
  await press('Add a method');
  expect(texts('.comparison tbody td:last-child')).not.toContain('different');
});

it('chooses methods that the model of another place can run', async () => {
  await act('input[type=radio]', 'change', { index: 1 });
  await act('form', 'submit');
  expect(titles()).toEqual(['greedy', 'prompt-lookup']);
});
