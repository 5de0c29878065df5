/** What a change of the catalogue is to people, in the feed, in mails and in the studio. */

import type { Change } from './changes.ts';
import { lights, type Paper } from './light.ts';

/** A change with the system that it is of. */
export interface News {
  readonly change: Change;
  readonly paper: Paper;
}

/** Changes with their systems, newest first; without those of systems that have left the catalogue. */
export function newsOf(changes: readonly Change[], papers: readonly Paper[]): News[] {
  const bySlug = new Map(papers.map((paper) => [paper.slug, paper]));
  return changes.toReversed().flatMap((change) => {
    const paper = bySlug.get(change.slug);
    return paper ? [{ change, paper }] : [];
  });
}

/** `new in the catalogue`, `works on a house model`. */
export function verdictOf({ from, to }: Change): string {
  if (from === null && to === 'planned') return 'new in the catalogue';
  return to === 'planned' ? 'planned again' : lights[to];
}

/** What was measured, or what there is to say of a system that does not work yet. */
export const storyOf = ({ change, paper }: News): string => change.measured ?? paper.summary;
