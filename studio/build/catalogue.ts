/** Modules with what the package knows of itself, computed when the page is built: papers, methods, house models. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { z } from 'zod';
import { methods } from '../../src/decode/registry.ts';
import { parseLlamaConfig } from '../../src/models/config.ts';
import { attentionCapabilities } from '../../src/models/language-model.ts';
import { loadCatalogue } from '../../src/papers/catalogue.ts';
import { loadChanges } from '../../src/papers/changes.ts';
import { tasks } from '../../src/tasks/registry.ts';
import { problems } from '../../src/tasks/sampler.ts';
import { KNOWN_MODELS } from '../../src/weights/known-models.ts';
import type { HouseModel, MethodEntry, TaskExample } from '../src/catalogue.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function methodEntries(): MethodEntry[] {
  return [...methods.values()].map(({ options, phases: _, ...method }) => ({
    ...method,
    options: z.toJSONSchema(options, { io: 'input' }) as MethodEntry['options'],
  }));
}

/** Models whose weights are in the package. */
async function houseModels(): Promise<HouseModel[]> {
  const house = KNOWN_MODELS.filter(({ sources }) => sources.some(({ kind }) => kind === 'house'));
  return Promise.all(
    house.map(async ({ id, summary, draft }) => {
      const folder = `${root}models/${id}`;
      const config = parseLlamaConfig(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')));
      const { chat_template } = JSON.parse(await readFile(`${folder}/tokenizer_config.json`, 'utf8'));
      const { size } = await stat(`${folder}/model.safetensors`);
      return {
        ...{ id, summary, draft, files: await readdir(folder), bytes: size },
        ...{ contextLength: config.contextLength },
        ...{ capabilities: attentionCapabilities(config), chat: typeof chat_template === 'string' },
      };
    }),
  );
}

/** Problems that no house model has been trained on. */
function taskExamples(): TaskExample[] {
  return [...tasks.values()].map((task) => {
    const list = problems(task, { split: 'test', seed: 2026 });
    return { task: task.slug, title: task.title, prompts: [0, 1, 2].map((index) => list.at(index).prompt) };
  });
}

const modules: Record<string, () => Promise<unknown>> = {
  'catalogue:papers': async () => (await loadCatalogue()).toSorted((a, b) => (a.date < b.date ? 1 : -1)),
  'catalogue:changes': () => loadChanges(),
  'catalogue:methods': async () => methodEntries(),
  'catalogue:models': houseModels,
  'catalogue:examples': async () => taskExamples(),
};

export function catalogue(): Plugin {
  return {
    name: 'quickstep:catalogue',
    resolveId: (id) => (id in modules ? `\0${id}` : undefined),
    load: async (id) => {
      const make = id.startsWith('\0') ? modules[id.slice(1)] : undefined;
      return make && `export default JSON.parse(${JSON.stringify(JSON.stringify(await make()))});`;
    },
  };
}
