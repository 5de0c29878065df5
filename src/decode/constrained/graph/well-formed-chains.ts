/**
 * Well-formed chains (DoG, "Decoding on Graphs", 2024): triples of a graph, each of which touches an entity that the
 * question names or that the chain has reached, and then the answer, an entity among those. What may come next grows with
 * the chain, so no path is listed that nobody walks: heads first, then the relations of the head that was written, then the
 * tails.
 */

import { z } from 'zod';
import { QuickstepError } from '../../../errors.ts';
import { utf8 } from '../../../text/bytes.ts';
import type { Language } from '../language.ts';
import { type Walk, walks } from '../walk.ts';
import type { KnowledgeGraph } from './knowledge-graph.ts';
import { escapeName, marks } from './triple-text.ts';

export const chainOptions = z.strictObject({
  maxTriples: z.int().min(1).max(32).default(4).describe('Most triples of a chain.'),
  maxAnswers: z.int().min(1).max(32).default(1).describe('Most entities given as the answer.'),
});

/** How far a chain has come. */
export interface Place {
  readonly part: 'line' | 'relation' | 'tail' | 'answer' | 'end';
  /** Triples so far, by number. */
  readonly chain: readonly number[];
  /** Entities of the question and of the chain. */
  readonly visited: ReadonlySet<number>;
  /** The triple that is being written. */
  readonly head?: number;
  readonly relation?: number;
  /** Answers so far. */
  readonly answers?: readonly number[];
}

const lengthOf = (text: string) => utf8(text).length;
const [open, between, close] = [marks.open, marks.between, marks.close].map(lengthOf);
const [answer, end] = [marks.answer, marks.end].map(lengthOf);

/**
 * The well-formed chains of a graph from some entities on, as lines: see `tripleLine` and `answerLine`.
 * @throws QuickstepError 'not-found' for an entity that the graph does not have, 'bad-option' for bad options; on compiling
 * when no triple touches the entities
 */
export function wellFormedChains(
  graph: KnowledgeGraph,
  entities: readonly string[],
  options: z.input<typeof chainOptions> = {},
): Language {
  if (entities.length === 0) {
    const hint = 'Name one that the question is about.';
    throw new QuickstepError('bad-option', 'There are no entities to begin a chain with.', hint);
  }
  const parsed = chainOptions.safeParse(options);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw new QuickstepError('bad-option', `Option "${path.join('.')}" of a chain: ${message}.`);
  }
  const from = new Set(graph.entityIds(entities));
  return walks(`The graph around ${entities.join(', ')}`, (canWrite) =>
    chainWalk(graph, from, parsed.data, canWrite),
  );
}

/** The walk of `wellFormedChains`. */
export function chainWalk(
  graph: KnowledgeGraph,
  entities: ReadonlySet<number>,
  { maxTriples, maxAnswers }: z.output<typeof chainOptions>,
  canWrite: (text: string) => boolean,
): Walk<Place> {
  const { heads, relations, tails } = graph.columns;

  /** Written names by number, '' for one that the vocabulary cannot write. */
  const writtenBy = (name: (id: number) => string) => {
    const known = new Map<number, string>();
    return (id: number): string => {
      let text = known.get(id);
      if (text === undefined) {
        text = escapeName(name(id));
        if (!canWrite(text)) text = '';
        known.set(id, text);
      }
      return text;
    };
  };
  const entity = writtenBy((id) => graph.entities.name(id));
  const relation = writtenBy((id) => graph.relations.name(id));
  const size = (id: number) => lengthOf(entity(id)) || Number.POSITIVE_INFINITY;

  const isLegal = (triple: number, { chain, visited }: Place) =>
    (visited.has(heads[triple]) || visited.has(tails[triple])) &&
    !chain.includes(triple) &&
    entity(heads[triple]) !== '' &&
    relation(relations[triple]) !== '' &&
    entity(tails[triple]) !== '';

  /** Triples that may come next, from the head and with the relation that are written already. */
  function* candidates(place: Place): Iterable<number> {
    if (place.head === undefined) {
      for (const id of place.visited)
        for (const triple of graph.around(id)) if (isLegal(triple, place)) yield triple;
      return;
    }
    const { from, to } = graph.out(place.head);
    for (let triple = from; triple < to; triple++) {
      if (place.relation !== undefined && relations[triple] !== place.relation) continue;
      if (isLegal(triple, place)) yield triple;
    }
  }

  const least = (values: Iterable<number>) => {
    let best = Number.POSITIVE_INFINITY;
    for (const value of values) if (value < best) best = value;
    return best;
  };
  const leastName = (ids: Iterable<number>) => least(Array.from(ids, size));

  /** Bytes that complete the triple that is being written with the nearest of its candidates, and give an answer. */
  function bytesThroughTriple(place: Place): number {
    const known = leastName(place.visited);
    const rest = (triple: number) => {
      const [h, r, t] = [size(heads[triple]), lengthOf(relation(relations[triple])), size(tails[triple])];
      const before = place.head === undefined ? open + h + between : 0;
      const middle = place.relation === undefined ? r + between : 0;
      return before + middle + t + close + answer + Math.min(known, h, t) + end;
    };
    return least(Array.from(candidates(place), rest));
  }

  return {
    start: { part: 'line', chain: [], visited: entities },

    *next(place) {
      const { part, chain, visited, answers = [] } = place;
      if (part === 'line') {
        if (chain.length > 0) yield [marks.answer, { ...place, part: 'answer' }];
        if (chain.length === maxTriples) return;
        for (const head of new Set(Array.from(candidates(place), (triple) => heads[triple])))
          yield [`${marks.open}${entity(head)}${marks.between}`, { ...place, part: 'relation', head }];
      } else if (part === 'relation') {
        for (const kind of new Set(Array.from(candidates(place), (triple) => relations[triple])))
          yield [`${relation(kind)}${marks.between}`, { ...place, part: 'tail', relation: kind }];
      } else if (part === 'tail') {
        for (const triple of candidates(place)) {
          const reached = new Set(visited).add(heads[triple]).add(tails[triple]);
          const after: Place = { part: 'line', chain: [...chain, triple], visited: reached };
          yield [`${entity(tails[triple])}${marks.close}`, after];
        }
      } else if (part === 'answer') {
        for (const id of visited) {
          if (entity(id) === '' || answers.includes(id)) continue;
          const given = [...answers, id];
          yield [`${entity(id)}${marks.end}`, { ...place, part: 'end', answers: given }];
          if (given.length < Math.min(maxAnswers, visited.size))
            yield [`${entity(id)}${marks.between}`, { ...place, answers: given }];
        }
      }
    },

    bytesToEnd(place) {
      const { part, chain, visited, answers = [] } = place;
      if (part === 'end') return 0;
      if (part === 'answer') return leastName([...visited].filter((id) => !answers.includes(id))) + end;
      // Another triple names an entity that could be the answer at once.
      if (part === 'line' && chain.length > 0) return answer + leastName(visited) + end;
      return bytesThroughTriple(place);
    },
  };
}
