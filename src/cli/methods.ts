/** `quickstep methods`: the catalogue of papers, merged with the methods that can be run. */

import { z } from 'zod';
import type { Method } from '../decode/method.ts';
import { methods } from '../decode/registry.ts';
import { loadCatalogue, searchCatalogue } from '../papers/catalogue.ts';
import type { Paper } from '../papers/schema.ts';
import { KNOWN_MODELS } from '../weights/known-models.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, outputColumns, printJson, printLines } from './command.ts';
import { tableLines } from './table.ts';

const methodsOptions = z.strictObject({
  runnable: z
    .boolean()
    .default(false)
    .describe('Only what --method takes now, the baselines included, instead of the catalogue.'),
});

export const methodsCommand: Command = {
  name: 'methods',
  usage: 'methods [words]',
  title: 'the catalogue of methods, searchable',
  summary:
    'Lists the papers of the catalogue that contain all the words, and above them the baseline methods. --json prints the papers alone; with --runnable, the methods that generate takes.',
  examples: ['methods', 'methods diffusion parallel', 'methods --runnable --json'],
  groups: () => [{ title: 'Options', schema: methodsOptions }, commonGroup],
  run: runMethods,
};

/** One line of the list. */
export interface MethodEntry {
  slug: string;
  title: string;
  family: string;
  status: 'works' | 'planned';
  needs: readonly string[];
  models: readonly string[];
}

function paperEntry({ slug, title, family, status, needs, models }: Paper): MethodEntry {
  return { slug, title, family, status, needs, models };
}

function methodEntry({ slug, title, family, needs }: Method): MethodEntry {
  return { slug, title, family, status: 'works', needs, models: KNOWN_MODELS.map(({ id }) => id) };
}

/** Registered methods that contain all the words in name, title, family or summary. */
function searchMethods(words: readonly string[]): Method[] {
  const wanted = words.flatMap((word) => word.toLowerCase().split(/\s+/));
  return [...methods.values()].filter(({ slug, title, family, summary }) => {
    const text = `${slug} ${title} ${family} ${summary}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

async function runMethods(args: ParsedArgs): Promise<void> {
  const { json } = args.values(commonOptions);
  const { runnable } = args.values(methodsOptions);
  const catalogue = await loadCatalogue();
  const papers = searchCatalogue(catalogue, args.positionals.join(' '));
  const found = searchMethods(args.positionals);
  if (json) {
    printJson(runnable ? found.map(methodEntry) : papers.map(paperEntry));
    return;
  }
  const slugs = new Set(catalogue.map(({ slug, method }) => method ?? slug));
  const baselines = found.filter(({ slug }) => runnable || !slugs.has(slug)).map(methodEntry);
  printLines(methodLines(baselines, runnable ? [] : papers.map(paperEntry), outputColumns()));
}

function methodLines(
  baselines: readonly MethodEntry[],
  papers: readonly MethodEntry[],
  columns: number,
): string[] {
  if (baselines.length + papers.length === 0) {
    return ['Nothing found. Fewer words find more; without any, everything is listed.'];
  }
  const head = [
    { title: 'slug' },
    { title: 'title', flexible: true },
    { title: 'family' },
    { title: 'status' },
  ];
  const cells = [...baselines, ...papers].map(({ slug, title, family, status }) => [
    slug,
    title,
    family,
    status,
  ]);
  const works = papers.filter(({ status }) => status === 'works').length;
  const planned = papers.length - works;
  const counts =
    papers.length > 0 ? ['', `${papers.length} papers: ${works} work, ${planned} are planned`] : [];
  return [...tableLines(head, cells, columns), ...counts];
}
