/**
 * Runs `prove` on papers and keeps what came out: proofs/results/<paper>.json, and docs/proofs.md from all of them.
 *   npx tsx proofs/papers.ts [paper ...] [--seed 2026] [--samples 100] [--threads 1] [--page]
 * Without papers it runs every proof, which takes minutes for each; with --page it only writes the page.
 */

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createProgress } from '../src/cli/progress.ts';
import { verdictLines } from '../src/cli/prove-report.ts';
import { load } from '../src/models/load.ts';
import { loadCatalogue } from '../src/papers/catalogue.ts';
import { findProof, proofs, prove } from '../src/proofs/index.ts';
import { measurementJson } from '../src/tasks/measure.ts';

const folder = fileURLToPath(new URL('./results', import.meta.url));
const page = fileURLToPath(new URL('../docs/proofs.md', import.meta.url));
/** Characters of a line of a report. */
const columns = 150;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '2026' },
    samples: { type: 'string', default: '100' },
    threads: { type: 'string' },
    page: { type: 'boolean', default: false },
  },
});
const [seed, samples] = [Number(values.seed), Number(values.samples)];
const threads = values.threads === undefined ? undefined : Number(values.threads);

async function run(slug: string): Promise<void> {
  const proof = findProof(slug);
  await using model = await load(proof.model, { threads });
  const progress = createProgress(process.stderr, slug, { unit: 'problems' });
  const verdict = await prove(proof, model, {
    ...{ seed, samples },
    onProgress: (finished, problems, label) => progress.update(finished, problems, label),
  });
  progress.done();
  const { measurements, ...rest } = verdict;
  const result = {
    ...rest,
    measurements: measurements.map((one) => measurementJson(one, measurements[0])),
    report: verdictLines(verdict, columns),
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${slug}.json`), `${JSON.stringify(result, null, 1)}\n`);
}

const kept = z.object({
  slug: z.string(),
  seed: z.number(),
  samples: z.number(),
  holds: z.boolean(),
  ratio: z.number(),
  threshold: z.number(),
  report: z.array(z.string()),
});

async function writePage(): Promise<void> {
  const papers = new Map((await loadCatalogue()).map((paper) => [paper.slug, paper]));
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json')).toSorted();
  const all = await Promise.all(
    files.map(async (name) => kept.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))),
  );
  const rows = all.map(
    ({ slug, ratio, threshold, holds }) =>
      `| [${papers.get(slug)!.title}](#${slug}) | ${ratio.toFixed(2)}x | ${Number(threshold.toFixed(2))}x | ${holds ? 'holds' : 'does not hold'} |`,
  );
  const sections = all.map(
    ({ slug, seed: asked, samples: count, report }) =>
      `## ${slug}\n\n\`npx quickstep prove ${slug} --seed ${asked} --samples ${count}\`; about the method: [${slug}](methods/${slug}.md)\n\n\`\`\`text\n${report.map((line) => line.trimEnd()).join('\n')}\n\`\`\``,
  );
  await writeFile(
    page,
    `# Proofs

What \`quickstep prove\` prints for each paper, on problems that no model was trained on, and no setting was chosen on
unless it says so. Made by \`npx tsx proofs/papers.ts\`; no figure in it is typed by hand. How to read a report:
[methods](methods/README.md#proofs).

| paper | measured | bar | claim |
| --- | --- | --- | --- |
${rows.join('\n')}

${sections.join('\n\n')}
`,
  );
}

const asked = positionals.length > 0 || values.page ? positionals : [...proofs.keys()];
for (const slug of asked) await run(slug);
await writePage();
