/**
 * Questions over small graphs of people with made-up names: the facts, then a question of one to three hops; the answer
 * is the chain of facts that leads there. Names are of one side of the split each, so that no name, and hence no graph, is
 * met in training and in testing.
 */

import {
  answerLine,
  readChain,
  type TripleNames,
  tripleLine,
} from '../decode/constrained/graph/triple-text.ts';
import type { TaskRandom } from './random.ts';
import { splitOf, testShare } from './split.ts';
import type { Problem, Task } from './task.ts';
import { capital } from './words.ts';

const relations = 'boss friend teacher doctor rival cousin guide partner'.split(' ');

/** What names are made of. */
export const syllables = Array.from('bdfgklmnprstvz', (consonant) =>
  Array.from('aeiou', (vowel) => consonant + vowel),
).flat();

/** Names of two syllables, by the side of the split that they are on. */
const names = (() => {
  const all = syllables.flatMap((first) => syllables.map((second) => capital(first) + second));
  const on = (side: string) => all.filter((name) => splitOf(name) === side);
  return { train: on('train'), test: on('test') };
})();

/** Hops, people and facts by level. */
const shapes = [
  { hops: 1, people: 4, facts: [4, 6] },
  { hops: 2, people: 5, facts: [5, 8] },
  { hops: 3, people: 6, facts: [6, 9] },
] as const;

/** A question with the graph it is asked about. */
export interface GraphQuestion {
  readonly facts: readonly TripleNames[];
  /** The prompt without the facts. */
  readonly question: string;
  /** Whom the question starts from. */
  readonly topic: string;
}

/** The parts of a problem's prompt. */
export function readGraphQuestion(prompt: string): GraphQuestion {
  const question = prompt.slice(prompt.lastIndexOf('\n') + 1);
  const topic = / of (\w+)\?$/.exec(question)?.[1] ?? '';
  return { facts: readChain(prompt).triples, question, topic };
}

/** Facts that lead from one to the next, and others; everyone has at most one of each relation. */
function drawFacts(random: TaskRandom, people: readonly string[], hops: number, count: number) {
  const path = Array.from({ length: hops }, (_, hop) => ({
    head: people[hop],
    relation: random.pick(relations),
    tail: people[hop + 1],
  }));
  const facts: TripleNames[] = [...path];
  while (facts.length < count) {
    const [head, tail] = random.sample(people, 2);
    const relation = random.pick(relations);
    if (facts.every((fact) => fact.head !== head || fact.relation !== relation))
      facts.push({ head, relation, tail });
  }
  return { path, facts: random.shuffle(facts) };
}

export const graphQuestions: Task = {
  slug: 'graph-questions',
  title: 'Graph questions',
  summary: 'Follows facts of a small graph, one after the other, to the one who was asked for.',
  levels: [
    { level: 1, description: '1 hop, 4 to 6 facts about 4 people' },
    { level: 2, description: '2 hops, 5 to 8 facts about 5 people' },
    { level: 3, description: '3 hops, 6 to 9 facts about 6 people' },
  ],
  generate(random, level): Problem {
    const { hops, people, facts: count } = shapes[level - 1];
    const side = random.below(testShare) === 0 ? 'test' : 'train';
    for (;;) {
      const { path, facts } = drawFacts(
        random,
        random.sample(names[side], people),
        hops,
        random.between(count[0], count[1]),
      );
      const asked = path.map(({ relation }) => `the ${relation} of `).toReversed();
      const prompt = `${facts.map(tripleLine).join('')}Who is ${asked.join('')}${path[0].head}?`;
      if (splitOf(prompt) !== side) continue;
      return { prompt, answer: path.map(tripleLine).join('') + answerLine([path[hops - 1].tail]) };
    }
  },
  check({ answer: expected }, answer) {
    return readChain(answer).answers[0] === readChain(expected).answers[0];
  },
};
