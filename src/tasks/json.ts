/** Extraction: a sentence and the fields asked for in, one JSON object with these fields in this order out. */

import { type Fact, type Subject, subjects } from './json-subjects.ts';
import type { TaskRandom } from './random.ts';
import type { Problem, Task } from './task.ts';
import { capital, joined } from './words.ts';

/** A sentence holds at most so many facts that nobody asks for. */
const mostExtra = 1;

/** The facts of a problem that are asked for, by level; the subject's name counts as one field. */
function askedFacts(random: TaskRandom, subject: Subject, level: number): Fact[] {
  const plain = random.shuffle(subject.plain).map((make) => make(random));
  if (level === 1) return plain.slice(0, random.between(1, 2));
  if (level === 3) {
    const nested = random.pick(subject.nested)(random);
    const others = plain.filter(({ field }) => !nested.covers?.includes(field));
    return [nested, ...others.slice(0, random.between(1, 2))];
  }
  const count = random.between(3, 4);
  const kind = random.below(3);
  if (kind === 0) return [...plain.slice(0, count - 1), random.pick(subject.lists)(random)];
  if (kind === 1) return [...plain.slice(0, count - 1), random.pick(subject.flags)(random)];
  const asked = plain.slice(0, count);
  return [...asked.slice(0, -1), { ...asked[count - 1], value: null, text: undefined }];
}

/** A field as it is asked for: `city`, or `home {city, street}`. */
function schemaOf({ field, value }: Fact): string {
  const nested = typeof value === 'object' && value !== null && !Array.isArray(value);
  return nested ? `${field} {${Object.keys(value).join(', ')}}` : field;
}

/** The value as JSON with the fields of objects in alphabetical order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

export const json: Task = {
  slug: 'json',
  title: 'JSON extraction',
  summary: 'Reads the asked fields out of a sentence and writes them as JSON.',
  levels: [
    { level: 1, description: '2 or 3 fields, strings and numbers' },
    { level: 2, description: '4 or 5 fields with a list, a boolean or a missing one (null)' },
    { level: 3, description: '3 or 4 fields with an object among them' },
  ],
  generate(random, level): Problem {
    const subject = random.pick(subjects);
    const asked = askedFacts(random, subject, level);
    const fields = new Set(asked.flatMap(({ field, covers = [] }) => [field, ...covers]));
    const extra = random
      .shuffle(subject.plain)
      .map((make) => make(random))
      .filter(({ field }) => !fields.has(field));
    const told = [...asked, ...extra.slice(0, random.between(0, mostExtra))].flatMap(
      ({ text }) => text ?? [],
    );
    const named = subject.named(random);
    const facts = random.shuffle([named, ...asked]);
    return {
      prompt: `${capital(named.text)} ${joined(random.shuffle(told))}. JSON: ${facts.map(schemaOf).join(', ')}`,
      answer: JSON.stringify(Object.fromEntries(facts.map(({ field, value }) => [field, value]))),
    };
  },
  check({ answer: expected }, answer) {
    try {
      return canonical(JSON.parse(answer)) === canonical(JSON.parse(expected));
    } catch {
      return false;
    }
  },
};
