/**
 * Formats by example: fixed text, and places to fill in between brackets.
 *
 *   {"reasoning": "[text]", "answer": [number]}        Grade: [A|B|C]
 */

import { QuickstepError } from '../../errors.ts';
import type { Language } from './language.ts';
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

/**
 * The regular expression of a template.
 * @throws QuickstepError 'bad-option' for a place that is not known
 */
export function templateRegex(template: string): string {
  let regex = '';
  let end = 0;
  for (const match of template.matchAll(placePattern)) {
    const [whole, literal, place] = match;
    regex += escaped(template.slice(end, match.index)) + (literal ? escaped(literal) : placeRegex(place));
    end = match.index + whole.length;
  }
  return regex + escaped(template.slice(end));
}

function placeRegex(place: string): string {
  const known = places.get(place);
  if (known) return known;
  if (place.includes('|')) return `(?:${place.split('|').map(escaped).join('|')})`;
  const hint = `Places: ${[...places.keys()].map((name) => `[${name}]`).join(', ')}, choices as [yes|no], \\[ for a bracket.`;
  throw new QuickstepError('bad-option', `There is no place [${place}] in a template.`, hint);
}

/** The texts of a template; throws as `templateRegex`. */
export const templateLanguage = (template: string): Language => regexLanguage(templateRegex(template));
