/** Names and things that several tasks share: few, so that each is one token of the house tokenizer. */

export interface Person {
  readonly name: string;
  readonly he: 'he' | 'she';
}

const person = (he: Person['he'], names: string): Person[] => names.split(' ').map((name) => ({ name, he }));

export const people: readonly Person[] = [
  ...person('he', 'Tom Ben Leo Max Sam Ali Raj'),
  ...person('she', 'Mia Ana Eva Zoe Nora Kim Aya'),
];

/** Things one can have many of. */
export const things = 'apples pears coins cards books pens shells eggs'.split(' ');

/** Containers of things. */
export const containers = 'bags boxes jars'.split(' ');

/** First letter in upper case. */
export function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

/** 'a', 'a and b', 'a, b and c'. */
export function joined(parts: readonly string[]): string {
  return parts.length < 2
    ? (parts[0] ?? '')
    : `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;
}
