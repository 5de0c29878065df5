/** The form of one run, in a document without a browser. */

import { h, render } from 'preact';
import { beforeEach, expect, it, vi } from 'vitest';
import type { Engine, RunRequest } from '../src/engine/engine.ts';
import { act, HTMLElement, main } from './dom.ts';

vi.stubGlobal('addEventListener', () => {});
vi.stubGlobal('removeEventListener', () => {});
// Whatever is on the page is below what is seen of it.
vi.stubGlobal('innerHeight', -1);

const method = (slug: string, need: string) => ({
  slug,
  title: slug,
  needs: [need],
  options: { properties: {} },
});
vi.mock('catalogue:methods', () => ({
  default: [method('diffusion', 'canvas'), method('greedy', 'causal')],
}));
vi.mock('catalogue:examples', () => ({ default: [{ task: 't', title: 'T', prompts: ['p'] }] }));
const asked: RunRequest[] = [];
const engine: Engine = {
  async *run(request) {
    asked.push(request);
    yield { type: 'start', place: 'here' };
  },
};
vi.mock('../src/run/use-models.ts', () => ({
  engineAt: () => engine,
  useModels: () => ({
    page: [{ id: 'house-diffusion', summary: '', capabilities: ['canvas'] }],
    server: [
      { id: 'smollm2', summary: '', capabilities: ['causal'] },
      { id: 'large', summary: '', capabilities: ['canvas'] },
    ],
  }),
}));
const { Runner } = await import('../src/run/runner.tsx');

let scrolled: ScrollIntoViewOptions[] = [];
beforeEach(() => {
  scrolled = [];
  asked.length = 0;
  Object.assign(HTMLElement.prototype, {
    getBoundingClientRect: () => ({ top: 0 }),
    scrollIntoView: (options: ScrollIntoViewOptions) => void scrolled.push(options),
  });
  vi.stubGlobal('matchMedia', () => ({ matches: false }));
  render(null, main);
});

it('chooses a method that the model of another place can run', async () => {
  render(h(Runner, { method: 'diffusion' }), main);
  await act('input[type=radio]', 'change', { index: 1 });
  await act('form', 'submit');
  expect(asked).toMatchObject([{ model: 'smollm2', method: 'greedy' }]);
});

it('chooses a model of another place for a method that is fixed', async () => {
  render(h(Runner, { method: 'diffusion', fixed: true }), main);
  await act('input[type=radio]', 'change', { index: 1 });
  await act('form', 'submit');
  expect(asked).toMatchObject([{ model: 'large', method: 'diffusion' }]);
});

it.each([
  ['smooth', false],
  ['auto', true],
])('scrolls to the run: %s where little movement is asked for: %s', async (behavior, matches) => {
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: matches && query.includes('reduced-motion') }));
  render(h(Runner, { method: 'diffusion' }), main);
  await act('form', 'submit');
  expect(scrolled).toEqual([{ behavior }]);
});
