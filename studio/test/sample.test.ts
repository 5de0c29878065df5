/** The sample of docs/studio.md, bundled as it says and run in a page of `quickstep serve`. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, defaultClientConditions, type Rolldown } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generate } from '../../src/decode/generate.ts';
import { load } from '../../src/models/load.ts';
import { openStudio, type Studio } from './pages.ts';

let studio: Studio;
beforeAll(async () => {
  studio = await openStudio();
});
afterAll(() => studio?.close());

async function sample(): Promise<string> {
  const text = await readFile('docs/studio.md', 'utf8');
  return /^```js\n([\s\S]*?quickstep\/web[\s\S]*?)^```$/m.exec(text)![1];
}

/** The files that a bundler makes of a module. */
async function bundle(code: string): Promise<Rolldown.RolldownOutput['output']> {
  const entry = 'virtual:sample';
  const built = await build({
    configFile: false,
    logLevel: 'warn',
    base: './',
    plugins: [
      {
        name: 'sample',
        resolveId: (id) => (id === entry ? entry : undefined),
        load: (id) => (id === entry ? code : undefined),
      },
    ],
    resolve: {
      alias: { 'quickstep/web': fileURLToPath(new URL('../../src/web.ts', import.meta.url)) },
      conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions],
    },
    build: {
      write: false,
      target: 'es2022',
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input: { sample: entry },
        external: [/^node:/],
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  return (built as Rolldown.RolldownOutput).output;
}

it('decodes in a page as it does in Node.js', async () => {
  const { page, server, problems } = studio;
  const files = await bundle(await sample());
  // Served beside the studio's own files, under its content security policy.
  await page.route(`${server.url}/sample/**`, (route) => {
    const path = new URL(route.request().url()).pathname.slice('/sample/'.length);
    const file = files.find(({ fileName }) => fileName === path);
    const body = file?.type === 'chunk' ? file.code : String(file?.source ?? '');
    return route.fulfill({ status: file ? 200 : 404, contentType: 'text/javascript', body });
  });
  const printed: string[] = [];
  page.on('console', (message) => void (message.type() === 'log' && printed.push(message.text())));
  await studio.open('papers');
  await page.addScriptTag({ url: '/sample/sample.js', type: 'module' });
  await using model = await load('house-diffusion', { threads: 1 });
  const { text } = await generate(model, [{ role: 'user', content: 'Sort: 3 1 2' }]).result;
  expect(text).not.toBe('');
  await expect.poll(() => printed.join(''), { timeout: 90_000 }).toBe(text);
  // The browser tells of files that a model need not have; nobody else was asked.
  expect(problems.filter((problem) => !problem.includes('404'))).toEqual([]);
});
