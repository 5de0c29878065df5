import type { DraftTree } from '../phases.ts';

/** The path to each node of a draft, its tokens joined by commas. */
export function draftPaths({ tokens, parents }: DraftTree): string[] {
  const found: string[] = [];
  for (const [node, token] of tokens.entries())
    found.push(parents[node] < 0 ? String(token) : `${found[parents[node]]},${token}`);
  return found;
}
