/** How often draft heads are right on answers that they were not trained on. */

import type { Ranked } from '../../../models/draft-heads/ranked.ts';
import type { Passage } from './passages.ts';

export interface Judged {
  /** Rows that were judged. */
  rows: number;
  /** [heads][ranks] How often the token of a rank was right, given that every head before had the right one among its own. */
  accuracies: number[][];
  /** [heads] How often the first, and any of the tokens was right, whatever the heads before said. */
  top: { first: number; any: number }[];
}

/** No rank above the one before it: where few were counted, a worse guess may have been right more often by chance. */
const falling = (shares: readonly number[]) =>
  shares.map((_, rank) => Math.min(...shares.slice(0, rank + 1)));

/** @param rank The heads' tokens for the rows of a passage from `first` on: [rows][heads]. */
export async function judge(
  passages: readonly Passage[],
  heads: number,
  rank: (passage: Passage) => Promise<Pick<Ranked, 'tokens'>[][]>,
): Promise<Judged> {
  const hits = Array.from({ length: heads }, (): number[] => []);
  const asked = new Array<number>(heads).fill(0);
  const top = Array.from({ length: heads }, () => ({ seen: 0, first: 0, any: 0 }));
  let rows = 0;
  for (const passage of passages) {
    const { tokens, first } = passage;
    for (const [row, ranked] of (await rank(passage)).entries()) {
      rows++;
      let agreed = true;
      for (const [head, { tokens: guesses }] of ranked.entries()) {
        const right = tokens[first + row + 2 + head];
        if (right === undefined) break;
        const place = guesses.indexOf(right);
        top[head].seen++;
        if (place === 0) top[head].first++;
        if (place >= 0) top[head].any++;
        if (!agreed) continue;
        asked[head]++;
        for (let rank = hits[head].length; rank < guesses.length; rank++) hits[head].push(0);
        if (place >= 0) hits[head][place]++;
        agreed = place >= 0;
      }
    }
  }
  return {
    rows,
    accuracies: hits.map((counts, head) =>
      counts.length > 0 ? falling(counts.map((count) => count / asked[head])) : [0],
    ),
    top: top.map(({ seen, first, any }) => ({
      first: first / Math.max(1, seen),
      any: any / Math.max(1, seen),
    })),
  };
}
