/**
 * A canvas as pieces of text in reading order: a dim dot for each mask, what this step committed bold and coloured by
 * probability (in brackets without colours), what earlier steps committed plain. Long runs of the same are counted instead of drawn.
 */

import type { CommittedToken, Step } from '../decode/step.ts';
import type { Paint } from './paint.ts';

export interface CanvasPiece {
  text: string;
  paint(text: string): string;
}

const mask = '·';
/** Masks in a row that are drawn, and equal tokens in a row, before the rest is a number, if there is more than a bit. */
const longestMasks = 24;
const longestTokens = 3;
const bit = 4;

/** @param label text of a token, on one line */
export function canvasPieces(
  canvas: readonly number[],
  committed: Step['committed'],
  label: (token: number) => string,
  paint: Paint,
): CanvasPiece[] {
  const fresh = new Map<number, CommittedToken>(committed.map((token) => [token.position, token]));
  const plain = (text: string) => text;
  const pieces: CanvasPiece[] = [];
  for (let start = 0; start < canvas.length; ) {
    const token = canvas[start];
    const news = fresh.get(start);
    if (news) {
      pieces.push({
        text: paint.depth === 1 ? `[${label(token)}]` : label(token),
        paint: (text) => paint.probability(text, news.probability, true),
      });
      start++;
      continue;
    }
    let end = start + 1;
    while (end < canvas.length && canvas[end] === token && !fresh.has(end)) end++;
    const [one, painted, most] =
      token < 0
        ? ([mask, paint.dim, longestMasks] as const)
        : ([label(token), plain, longestTokens] as const);
    const count = end - start;
    const drawn = count > most + bit ? most : count;
    for (let i = 0; i < drawn; i++) pieces.push({ text: one, paint: painted });
    if (count > drawn) pieces.push({ text: `+${count - drawn} `, paint: paint.dim });
    start = end;
  }
  return pieces;
}
