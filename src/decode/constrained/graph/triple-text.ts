/**
 * Triples as lines of text: `<head | relation | tail>`, and answers: `Answer: one | two`. Marks within names are escaped
 * with a backslash, so that every line reads back as what it was written from.
 */

/** Names of what a triple connects. */
export interface TripleNames {
  readonly head: string;
  readonly relation: string;
  readonly tail: string;
}

/** The marks around and between names. */
export const marks = { open: '<', between: ' | ', close: '>\n', answer: 'Answer: ', end: '\n' } as const;

/** A name with the marks in it escaped. */
export const escapeName = (name: string): string => name.replace(/[\\<>|]/g, '\\$&');

const unescapeName = (text: string): string => text.replace(/\\([\\<>|])/g, '$1');

/** A triple as a line. */
export const tripleLine = ({ head, relation, tail }: TripleNames): string =>
  `${marks.open}${[head, relation, tail].map(escapeName).join(marks.between)}${marks.close}`;

/** Answers as a line. */
export const answerLine = (names: readonly string[]): string =>
  `${marks.answer}${names.map(escapeName).join(marks.between)}${marks.end}`;

/** Names between unescaped marks. */
const namesOf = (text: string): string[] =>
  // A mark is escaped when an odd number of backslashes stands before it; names end in an even number.
  [...text.matchAll(/((?:[^\\|]|\\.)*?)(?: \| |$)/gsu)].map(([, name]) => unescapeName(name)).slice(0, -1);

/** What an answer says. */
export interface Chain {
  readonly triples: readonly TripleNames[];
  /** Answers in the order they were given; none where the answer line is missing. */
  readonly answers: readonly string[];
}

/** Reads triples and answers; a line that is neither is left out. */
export function readChain(text: string): Chain {
  const triples: TripleNames[] = [];
  let answers: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith(marks.answer)) answers = namesOf(line.slice(marks.answer.length));
    else if (line.startsWith(marks.open) && line.endsWith('>')) {
      const [head, relation, tail, ...more] = namesOf(line.slice(1, -1));
      if (tail !== undefined && more.length === 0) triples.push({ head, relation, tail });
    }
  }
  return { triples, answers };
}
