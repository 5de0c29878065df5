/** The graph store, what it refuses to read, and chains against their definition. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../../text/bytes.ts';
import { tokenizerFromJson } from '../../../text/index.ts';
import { uniform } from '../../random.ts';
import { anyCodePoint, codePoints } from '../automaton/code-points.ts';
import type { ByteState } from '../language.ts';
import { stringSet } from '../string-set.ts';
import { follow, matcher } from '../testing/read-bytes.ts';
import { allows, TokenConstraint } from '../token-constraint.ts';
import { Vocabulary } from '../vocabulary.ts';
import { checkChain } from './check-chain.ts';
import { readGraph, saveGraph } from './graph-file.ts';
import { KnowledgeGraph } from './knowledge-graph.ts';
import { Names } from './names.ts';
import { answerLine, readChain, type TripleNames, tripleLine } from './triple-text.ts';
import { wellFormedChains } from './well-formed-chains.ts';

const houseTokenizer = new URL('../../../../models/house-causal/tokenizer.json', import.meta.url);
const houseJson = JSON.parse(await readFile(houseTokenizer, 'utf8'));

const folder = await mkdtemp(join(tmpdir(), 'quickstep-graph-'));
afterAll(() => rm(folder, { recursive: true }));

const triple = (head: string, relation: string, tail: string): TripleNames => ({ head, relation, tail });
const names = fc.string({ unit: fc.constantFrom(...'ab |<>\\é'), minLength: 1, maxLength: 4 });

/** Graphs of few entities, one of whose names begins another's. */
const graphs = fc.array(
  fc.record({
    head: fc.constantFrom('a', 'ab', 'b|', 'c'),
    relation: fc.constantFrom('r', 'rs'),
    tail: fc.constantFrom('a', 'ab', 'b|', 'c'),
  }),
  { minLength: 1, maxLength: 6 },
);

describe('lines of a chain', () => {
  it('read back as what they were written from, whatever the names', () => {
    const triples = fc.array(fc.record({ head: names, relation: names, tail: names }), { maxLength: 3 });
    fc.assert(
      fc.property(triples, fc.array(names, { minLength: 1, maxLength: 3 }), (chain, answers) => {
        const text = chain.map(tripleLine).join('') + answerLine(answers);
        expect(readChain(text)).toEqual({ triples: chain, answers });
      }),
    );
  });

  it('leaves out lines that are none', () => {
    const text = 'So\n<a | b>\n<a | b | c | d>\n<a | b | c>\n<a | b | c\nAnswer: c';
    expect(readChain(text)).toEqual({ triples: [triple('a', 'b', 'c')], answers: ['c'] });
  });
});

describe('a graph', () => {
  it('has what it was made of, from either end, and nothing else', () => {
    fc.assert(
      fc.property(graphs, (triples) => {
        const graph = KnowledgeGraph.of(triples);
        const written = new Set(triples.map(tripleLine));
        expect(graph.size).toBe(written.size);
        const all = Array.from({ length: graph.size }, (_, i) => graph.triple(i));
        expect(new Set(all.map(tripleLine))).toEqual(written);
        for (const name of ['a', 'ab', 'b|', 'c']) {
          const id = graph.entities.find(name);
          const touching = all.filter(({ head, tail }) => head === name || tail === name);
          const around = id === undefined ? [] : [...new Set(graph.around(id))].map((i) => graph.triple(i));
          expect(new Set(around.map(tripleLine))).toEqual(new Set(touching.map(tripleLine)));
          for (const relation of ['r', 'rs']) {
            const fact = triple(name, relation, 'a');
            expect(graph.has(fact)).toBe(written.has(tripleLine(fact)));
          }
        }
      }),
    );
  });

  it('tells what is near, nearest first', () => {
    const path = [triple('a', 'r', 'b'), triple('c', 'r', 'b'), triple('c', 'r', 'd'), triple('x', 'r', 'y')];
    const graph = KnowledgeGraph.of(path);
    expect(graph.near(['a'], 1)).toEqual(path.slice(0, 1));
    expect(graph.near(['a'], 3)).toEqual(path.slice(0, 3));
    expect(graph.near(['a'], 9, 2)).toEqual(path.slice(0, 2));
    expect(() => graph.near(['z'], 1)).toThrow(expect.objectContaining({ code: 'not-found' }));
  });
});

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}
const contents = (graph: KnowledgeGraph) => Array.from({ length: graph.size }, (_, i) => graph.triple(i));

describe('graphs on disk', () => {
  it('are read from TSV, JSON Lines, and ids with names', async () => {
    const expected = contents(KnowledgeGraph.of([triple('é', 'r s', 'b'), triple('b', 'q', 'é')]));
    const tsv = await file('a.tsv', '﻿é\tr s\tb\r\n\nb\tq\té');
    const json = '{"head":"é","relation":"r s","tail":"b"}\n{"tail":"é","relation":"q","head":"b","x":1}\n';
    expect(contents(await readGraph(tsv))).toEqual(expected);
    expect(contents(await readGraph(await file('a.jsonl', json)))).toEqual(expected);
    const parts = [await file('i.tsv', '0\t0\t1\n'), await file('j.tsv', '1\t1\t0\n')];
    const tables = [await file('e.txt', '0\té\n1\tb\n'), await file('r.txt', '0\tr s\n1\tq\n')];
    expect(contents(await readGraph(parts, { names: tables }))).toEqual(expected);
  });

  it('come back from an index as they were', async () => {
    const path = join(folder, 'g.index');
    await fc.assert(
      fc.asyncProperty(graphs, async (triples) => {
        const graph = KnowledgeGraph.of(triples);
        await saveGraph(path, graph);
        expect(contents(await readGraph(path))).toEqual(contents(graph));
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['a missing column', 'a\tb\n', 'line 1 is no triple'],
    ['a column too many', 'a\tb\tc\n\na\tb\tc\td', 'line 3 is no triple'],
    ['an empty name', 'a\t\tc', 'relation'],
    ['a long name', `a\tb\t${'c'.repeat(1001)}`, 'tail'],
    ['a line without an end', 'x'.repeat(200_000), 'line 1 is too long'],
    ['broken JSON', '{"head":', 'line 1 is no JSON'],
    ['another type', '{"head":1,"relation":"r","tail":"t"}', 'head'],
    ['control characters', '{"head":"a\\nb","relation":"r","tail":"t"}', 'control characters'],
    ['no triples', '\n\n', 'no triples'],
    ['bytes that are no text', Uint8Array.of(0x61, 0x09, 0xff, 0x09, 0x62), 'not UTF-8'],
  ])('are refused with %s', async (_, content, problem) => {
    const path = await file('bad', content);
    await expect(readGraph(path)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining(problem),
    });
  });

  it('are refused when they are not there, are a folder, or have ids without names', async () => {
    await expect(readGraph(join(folder, 'none'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(readGraph(folder)).rejects.toMatchObject({ code: 'bad-file' });
    const ids = await file('ids.tsv', '0\tr\t7\n');
    const table = await file('few.txt', '0\ta\nr\tr\n');
    await expect(readGraph(ids, { names: [table] })).rejects.toMatchObject({ code: 'bad-file' });
    const twice = await file('twice.txt', '0\ta\n7\tb\nr\tr\n7\tc\n');
    await expect(readGraph(ids, { names: [twice] })).rejects.toMatchObject({
      message: expect.stringContaining('line 4 names "7" again'),
    });
  });

  it.each([
    ['a line end', 'one\ntwo'],
    ['a control character of two bytes', 'a\u0085b'],
    ['half a character', Uint8Array.of(0x61, 0xc3)],
    ['the other half', Uint8Array.of(0x80, 0x61)],
  ])('are refused as an index with a name that has %s, as in a file of triples', async (_, name) => {
    const bytes = typeof name === 'string' ? utf8(name) : name;
    const numbers = { heads: [0], relations: [0], tails: [0] };
    const [heads, relations, tails] = Object.values(numbers).map((column) => Int32Array.from(column));
    const names = new Names(Int32Array.of(0, bytes.length), Uint8Array.from(bytes));
    const path = join(folder, 'names.index');
    await saveGraph(path, new KnowledgeGraph(Names.of(['a']), names, { heads, relations, tails }));
    await expect(readGraph(path)).rejects.toMatchObject({ code: 'bad-file' });
  });

  it('are refused as an index when any number in them is out of place', async () => {
    const path = join(folder, 'sound.index');
    const graph = KnowledgeGraph.of([triple('a', 'r', 'b'), triple('b', 'r', 'c'), triple('c', 's', 'a')]);
    await saveGraph(path, graph);
    const sound = new Uint8Array(await readFile(path));
    let refused = 0;
    for (let at = 0; at < sound.length; at += 3) {
      const damaged = sound.slice();
      damaged[at] ^= 0x81;
      // What still opens must be a graph: every triple can be read.
      const read = readGraph(await file('damaged', damaged)).then(contents);
      await read.catch((error) =>
        expect(error).toMatchObject({ name: 'QuickstepError', code: expect.any(String) }),
      );
      await read.then(undefined, () => refused++);
    }
    expect(refused).toBeGreaterThan(0.25 * sound.length);
  });
});

/** All well-formed chains by definition: any triples in any order, then filtered. */
function allChains(triples: readonly TripleNames[], entities: readonly string[], most: number): string[] {
  const distinct = [...new Map(triples.map((one) => [tripleLine(one), one])).values()];
  const found: string[] = [];
  const extend = (chain: readonly TripleNames[]) => {
    const visited = new Set(entities);
    for (const { head, tail } of chain) {
      if (!visited.has(head) && !visited.has(tail)) return;
      visited.add(head).add(tail);
    }
    if (chain.length > 0)
      for (const name of visited) found.push(chain.map(tripleLine).join('') + answerLine([name]));
    if (chain.length < most) for (const next of distinct) if (!chain.includes(next)) extend([...chain, next]);
  };
  extend([]);
  return found;
}

/** Both states allow the same bytes, accept alike and know the same way to an end, here and in everything behind. */
function expectEqual(ours: ByteState | undefined, theirs: ByteState | undefined): void {
  expect(ours === undefined).toBe(theirs === undefined);
  if (!ours || !theirs) return;
  expect([ours.accepts, ours.shortest]).toEqual([theirs.accepts, theirs.shortest]);
  for (const byte of new Uint8Array(Buffer.from('\n<>| :\\abcrsAnswer')))
    expectEqual(ours.next(byte), theirs.next(byte));
}

describe('well-formed chains', () => {
  it('are exactly those of the definition, byte by byte', () => {
    fc.assert(
      fc.property(graphs, fc.integer({ min: 1, max: 2 }), (triples, maxTriples) => {
        const entities = [triples[0].head];
        const ours = wellFormedChains(KnowledgeGraph.of(triples), entities, { maxTriples });
        const theirs = stringSet(allChains(triples, entities, maxTriples));
        expectEqual(ours.compile(anyCodePoint), theirs.compile(anyCodePoint));
      }),
      { numRuns: 15 },
    );
  });

  it('go against the direction of triples, and use none twice', () => {
    const graph = KnowledgeGraph.of([triple('film', 'by', 'Ann'), triple('film', 'with', 'Bob')]);
    const matches = matcher(wellFormedChains(graph, ['Ann']));
    expect(matches('<film | by | Ann>\n<film | with | Bob>\nAnswer: Bob\n')).toBe(true);
    expect(matches('<film | with | Bob>\nAnswer: Bob\n')).toBe(false);
    expect(matches('<film | by | Ann>\n<film | by | Ann>\nAnswer: film\n')).toBe(false);
    expect(matches('<film | by | Ann>\nAnswer: Bob\n')).toBe(false);
  });

  it('tell a name from one that it begins', () => {
    const graph = KnowledgeGraph.of([
      triple('I', 'live in', 'New York'),
      triple('I', 'live in', 'New York City'),
    ]);
    const state = follow(wellFormedChains(graph, ['I']).compile(anyCodePoint), '<I | live in | New York');
    expect(state?.next(0x20)).toBeDefined();
    expect(state?.next(0x3e)).toBeDefined();
  });

  it('give several answers where that is asked for, each once', () => {
    const graph = KnowledgeGraph.of([triple('a', 'r', 'b')]);
    const matches = matcher(wellFormedChains(graph, ['a'], { maxAnswers: 2 }));
    expect(matches('<a | r | b>\nAnswer: b\n')).toBe(true);
    expect(matches('<a | r | b>\nAnswer: b | a\n')).toBe(true);
    expect(matches('<a | r | b>\nAnswer: b | b\n')).toBe(false);
  });

  it('are forced where there is one way', () => {
    const graph = KnowledgeGraph.of([triple('a', 'r', 'b')]);
    const tokenizer = tokenizerFromJson(houseJson, {});
    const vocabulary = new Vocabulary(tokenizer, [0]);
    const state = new TokenConstraint(wellFormedChains(graph, ['a']), vocabulary).start();
    expect(new TextDecoder().decode(state.forced())).toBe('<a | r | b>\nAnswer: ');
  });

  it('refuse entities that are not there, none, and those that nothing can be said about', () => {
    const graph = KnowledgeGraph.of([triple('a', 'r', 'é')]);
    expect(() => wellFormedChains(graph, ['z'])).toThrow(expect.objectContaining({ code: 'not-found' }));
    expect(() => wellFormedChains(graph, [])).toThrow(expect.objectContaining({ code: 'bad-option' }));
    expect(() => wellFormedChains(graph, ['a'], { maxTriples: 0 })).toThrow(
      expect.objectContaining({ code: 'bad-option' }),
    );
    expect(() => wellFormedChains(graph, ['a']).compile(codePoints([0, 0x7f]))).toThrow(
      expect.objectContaining({ code: 'bad-option' }),
    );
  });

  it('come out of a model that knows nothing: 1,000 random decodes', () => {
    const tokenizer = tokenizerFromJson(houseJson, {});
    const vocabulary = new Vocabulary(tokenizer, [0]);
    const name = (n: number) => ['Tom', 'Tom ate', 'é|x', 'Ann', 'Bo'][n % 5] + (n > 4 ? ` ${n}` : '');
    for (let seed = 0; seed < 1000; seed++) {
      const draw = (position: number) => uniform({ seed, stream: 7, step: 0, position });
      const pick = (position: number) => name(Math.floor(12 * draw(position)));
      const triples = Array.from({ length: 14 }, (_, i) => triple(pick(2 * i), `r${i % 3}`, pick(2 * i + 1)));
      const graph = KnowledgeGraph.of(triples);
      const entities = [triples[0].head];
      const maxTokens = 150;
      let state = new TokenConstraint(wellFormedChains(graph, entities), vocabulary).start();
      const tokens: number[] = [];
      for (;;) {
        const mask = state.mask(maxTokens - tokens.length);
        const legal = Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => allows(mask, id));
        const token = legal[Math.floor(legal.length * draw(100 + tokens.length))];
        if (token === 0) break;
        tokens.push(token);
        state = state.advance(token)!;
      }
      expect(tokens.length).toBeLessThan(maxTokens);
      const check = checkChain(graph, entities, tokenizer.decode(tokens));
      expect(check).toMatchObject({ connected: true, faithful: check.triples });
      expect(check.triples).toBeGreaterThan(0);
    }
  });
});
