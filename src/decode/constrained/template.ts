/**
 * Formats by example: fixed text, and places to fill in between brackets.
 *
 *   {"reasoning": "[text]", "answer": [number]}        Grade: [A|B|C]        [word:2] is [integer:1]
 *
 * The numbers say how many tokens a place takes on a canvas; methods that write from left to right need none.
 */

import { QuickstepError } from '../../errors.ts';
import type { CanvasPart, Language } from './language.ts';
import { regexLanguage } from './regex/regex.ts';

/** What may stand in a place, as a regular expression. */
const places: ReadonlyMap<string, string> = new Map([
  ['text', '[^]+'],
  ['line', '[^\\n]+'],
  ['word', '[^\\s]+'],
  ['number', '-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?'],
  ['integer', '-?(?:0|[1-9][0-9]*)'],
]);

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** A place, or a bracket that is meant as it is: `\[`. */
const placePattern = /\\([[\]\\])|\[([^[\]\n]*)\]/gu;

/** Fixed text, and what stands between brackets. */
type Piece = { readonly text: string } | { readonly place: string };

function piecesOf(template: string): Piece[] {
  const pieces: Piece[] = [];
  let text = '';
  let end = 0;
  for (const { 0: whole, 1: literal, 2: place, index } of template.matchAll(placePattern)) {
    text += template.slice(end, index) + (literal ?? '');
    end = index + whole.length;
    if (literal !== undefined) continue;
    pieces.push({ text }, { place });
    text = '';
  }
  return [...pieces, { text: text + template.slice(end) }];
}

/** What may stand in a place, and how many tokens it takes on a canvas. */
interface Place {
  readonly regex: string;
  readonly choices?: readonly string[];
  readonly tokens?: number;
}

function placeOf(place: string): Place {
  if (place.includes('|')) {
    const choices = place.split('|');
    return { regex: `(?:${choices.map(escaped).join('|')})`, choices };
  }
  const [, name, digits] = /^([a-z]+)(?::([1-9]\d{0,3}))?$/.exec(place) ?? [];
  const regex = places.get(name ?? '');
  if (regex) return { regex, tokens: digits === undefined ? undefined : Number(digits) };
  const hint = `Places: ${[...places.keys()].map((name) => `[${name}]`).join(', ')}, on a canvas with a number of tokens as in [word:3], choices as [yes|no], \\[ for a bracket.`;
  throw new QuickstepError('bad-option', `There is no place [${place}] in a template.`, hint);
}

/**
 * The regular expression of a template.
 * @throws QuickstepError 'bad-option' for a place that is not known
 */
export const templateRegex = (template: string): string =>
  piecesOf(template)
    .map((piece) => ('text' in piece ? escaped(piece.text) : placeOf(piece.place).regex))
    .join('');

/**
 * The texts of a template; throws as `templateRegex`. On a canvas fixed text stands at its place from the start if each
 * place has a number of tokens; choices need none, they take as many as each of them can be cut into.
 */
export function templateLanguage(template: string): Language {
  const parts: CanvasPart[] = [];
  let [open, numbered] = [0, 0];
  for (const piece of piecesOf(template)) {
    if ('text' in piece) {
      if (piece.text !== '') parts.push(piece);
      continue;
    }
    const { choices, regex, tokens } = placeOf(piece.place);
    if (choices) parts.push({ choices });
    else if (tokens === undefined) open++;
    else {
      numbered++;
      parts.push({ place: regexLanguage(regex), tokens });
    }
  }
  const { compile } = regexLanguage(templateRegex(template));
  if (open === 0) return { compile, parts };
  if (numbered === 0) return { compile };
  const hint = 'Give each place a number of tokens, as in [word:3], or none.';
  throw new QuickstepError('bad-option', 'Some places of the template have a number of tokens.', hint);
}
