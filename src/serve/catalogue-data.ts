/** What pages know of methods, papers and proofs, as JSON. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { limitOptions } from '../decode/generate.ts';
import { methods } from '../decode/registry.ts';
import { samplingOptions } from '../decode/sampling/options.ts';
import { loadCatalogue, searchCatalogue } from '../papers/catalogue.ts';
import { families, lightOf } from '../papers/schema.ts';

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });

/** `GET /api/methods`. */
export function methodsData() {
  return {
    methods: [...methods.values()].map((method) => ({
      slug: method.slug,
      title: method.title,
      family: method.family,
      summary: method.summary,
      needs: method.needs,
      draft: method.draft ?? false,
      sampling: method.sampling,
      guarantee: method.guarantee,
      baseline: method.baseline ?? null,
      model: method.model ?? null,
      options: jsonSchema(method.options),
    })),
    samplingOptions: jsonSchema(samplingOptions),
    limitOptions: jsonSchema(limitOptions),
  };
}

/** `GET /api/papers`. @param words searched for, or '' for all, newest first. */
export async function papersData(words: string) {
  const papers = searchCatalogue(await loadCatalogue(), words);
  return { families, papers: papers.map((paper) => ({ ...paper, light: lightOf(paper) })) };
}

// Two levels up from here is the package, for src/serve/ as for dist/serve/.
const resultsFolder = fileURLToPath(new URL('../../proofs/results', import.meta.url));

/** `GET /api/proofs`: the checked-in results, by slug. */
export async function proofsData() {
  const names = (await readdir(resultsFolder)).filter((name) => name.endsWith('.json')).sort();
  const texts = names.map((name) => readFile(join(resultsFolder, name), 'utf8'));
  return { proofs: (await Promise.all(texts)).map((text) => JSON.parse(text) as unknown) };
}
