/**
 * Writes FEATURES.md from the catalogue: a count, then one traffic-light table per family. Pure and deterministic
 * (families in schema order, systems by slug), so that a stale file shows as a difference.
 */

import { type Light, lightOf, lights } from './light.ts';
import { families, type Paper } from './schema.ts';

const signs: Record<Light, string> = { works: '🟢', house: '🟡', planned: '⚪' };

const intro = `# Features

<!-- Written by tools/features.ts from papers/*.json. Change an entry, then run: npx tsx tools/features.ts -->

Each title leads to the entry with the summary, the planned proof and the models it runs on. A claim is the
paper's own figure; what is measured is ours. A system is green when it runs on a published checkpoint.`;

/** The whole text of FEATURES.md for these papers, in any order. */
export function renderFeatures(papers: readonly Paper[]): string {
  const sections = Object.entries(families).flatMap(([family, heading]) => {
    const members = papers.filter((paper) => paper.family === family);
    if (members.length === 0) return [];
    members.sort((a, b) => (a.slug < b.slug ? -1 : 1));
    return [`## ${heading}`, table(members)];
  });
  return `${[intro, counts(papers), ...sections].join('\n\n')}\n`;
}

function counts(papers: readonly Paper[]): string {
  const parts = (Object.keys(lights) as Light[]).map((light) => {
    const count = papers.filter((paper) => lightOf(paper) === light).length;
    return `${signs[light]} ${count} ${lights[light]}`;
  });
  return `**${papers.length} systems:** ${parts.join(' · ')}`;
}

function table(papers: readonly Paper[]): string {
  const rows = papers.map((paper) => [
    signs[lightOf(paper)],
    `[${escapeCell(paper.title)}](papers/${paper.slug}.json)`,
    paper.phases.join(', '),
    paper.needs.join(', '),
    escapeCell(paper.claim),
    escapeCell(paper.measured ?? ''),
  ]);
  const header = ['', 'System', 'Phases', 'Needs', 'Claim', 'Measured'];
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function escapeCell(text: string): string {
  return text.replace(/[\\|[\]<*_`]/g, '\\$&');
}
