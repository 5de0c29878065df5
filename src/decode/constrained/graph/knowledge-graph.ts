/**
 * A knowledge graph in memory: each name once, triples as numbers, found from either end. A million triples take 16 MB
 * beside their names.
 */

import { QuickstepError } from '../../../errors.ts';
import { Names } from './names.ts';
import type { TripleNames } from './triple-text.ts';

/** Triples as columns; number i is `heads[i]`, `relations[i]`, `tails[i]`. */
export interface Columns {
  readonly heads: Int32Array;
  readonly relations: Int32Array;
  readonly tails: Int32Array;
}

/** Where the triples of each entity begin, when they are sorted by it: [entities + 1]. */
function starts(ends: Int32Array, entities: number): Int32Array {
  const first = new Int32Array(entities + 1);
  for (const entity of ends) first[entity + 1]++;
  for (let entity = 0; entity < entities; entity++) first[entity + 1] += first[entity];
  return first;
}

export class KnowledgeGraph {
  readonly entities: Names;
  readonly relations: Names;
  /** Sorted by head, relation and tail; none twice. */
  readonly columns: Columns;
  readonly #firstOut: Int32Array;
  readonly #firstIn: Int32Array;
  /** [triples] Triples sorted by tail. */
  readonly #byTail: Int32Array;

  /** @param columns Sorted by head, relation and tail, without repetition, of entities and relations that there are. */
  constructor(entities: Names, relations: Names, columns: Columns) {
    this.entities = entities;
    this.relations = relations;
    this.columns = columns;
    this.#firstOut = starts(columns.heads, entities.count);
    this.#firstIn = starts(columns.tails, entities.count);
    this.#byTail = new Int32Array(columns.tails.length);
    const next = this.#firstIn.slice();
    for (const [triple, tail] of columns.tails.entries()) this.#byTail[next[tail]++] = triple;
  }

  /** A graph of these triples, each once. */
  static of(triples: readonly TripleNames[]): KnowledgeGraph {
    const entities = Names.of(triples.flatMap(({ head, tail }) => [head, tail]));
    const relations = Names.of(triples.map(({ relation }) => relation));
    const numbers = new Map(Array.from({ length: entities.count }, (_, id) => [entities.name(id), id]));
    const kinds = new Map(Array.from({ length: relations.count }, (_, id) => [relations.name(id), id]));
    const rows = triples
      .map(({ head, relation, tail }) => [numbers.get(head)!, kinds.get(relation)!, numbers.get(tail)!])
      .sort(([a, b, c], [x, y, z]) => a - x || b - y || c - z)
      .filter((row, i, all) => i === 0 || row.some((value, place) => value !== all[i - 1][place]));
    const column = (place: number) => Int32Array.from(rows, (row) => row[place]);
    return new KnowledgeGraph(entities, relations, {
      heads: column(0),
      relations: column(1),
      tails: column(2),
    });
  }

  /** Number of triples. */
  get size(): number {
    return this.columns.heads.length;
  }

  /** Triples from an entity, as a range of numbers. */
  out(entity: number): { from: number; to: number } {
    return { from: this.#firstOut[entity], to: this.#firstOut[entity + 1] };
  }

  /** Triples to an entity. */
  in(entity: number): Int32Array {
    return this.#byTail.subarray(this.#firstIn[entity], this.#firstIn[entity + 1]);
  }

  /** Triples from and to an entity; one to itself comes twice. */
  *around(entity: number): Iterable<number> {
    const { from, to } = this.out(entity);
    for (let triple = from; triple < to; triple++) yield triple;
    yield* this.in(entity);
  }

  triple(index: number): TripleNames {
    const { heads, relations, tails } = this.columns;
    return {
      head: this.entities.name(heads[index]),
      relation: this.relations.name(relations[index]),
      tail: this.entities.name(tails[index]),
    };
  }

  has({ head, relation, tail }: TripleNames): boolean {
    const [h, r, t] = [this.entities.find(head), this.relations.find(relation), this.entities.find(tail)];
    if (h === undefined || r === undefined || t === undefined) return false;
    const { from, to } = this.out(h);
    const { relations, tails } = this.columns;
    for (let i = from; i < to; i++) if (relations[i] === r && tails[i] === t) return true;
    return false;
  }

  /**
   * Numbers of entities.
   * @throws QuickstepError 'not-found' for a name that the graph does not have
   */
  entityIds(names: readonly string[]): number[] {
    return names.map((name) => {
      const id = this.entities.find(name);
      if (id !== undefined) return id;
      const hint = 'Name an entity as the graph does, capitals and all.';
      throw new QuickstepError('not-found', `The graph has no entity ${JSON.stringify(name)}.`, hint);
    });
  }

  /**
   * Triples near some entities, nearest first and in order within a distance.
   * @param hops Distance: 1 for those that touch the entities.
   * @param most Triples at most.
   */
  near(entities: readonly string[], hops: number, most = Number.POSITIVE_INFINITY): TripleNames[] {
    const { heads, tails } = this.columns;
    const found = new Set<number>();
    const reached = new Set(this.entityIds(entities));
    let ring = [...reached];
    for (let hop = 0; hop < hops; hop++) {
      const touched = new Set<number>();
      for (const entity of ring) for (const triple of this.around(entity)) touched.add(triple);
      for (const triple of Int32Array.from(touched).sort()) {
        if (found.size >= most) return [...found].map((index) => this.triple(index));
        found.add(triple);
      }
      ring = [...touched]
        .flatMap((triple) => [heads[triple], tails[triple]])
        .filter((id) => !reached.has(id));
      for (const entity of ring) reached.add(entity);
    }
    return [...found].map((index) => this.triple(index));
  }
}
