/** ASAp against all answers of small languages, listed; the model is plain TypeScript and reads its context from the cache. */

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { decode } from '../loop.ts';
import { parseMethodOptions } from '../method.ts';
import { findMethod } from '../registry.ts';
import { chiSquareTest } from '../sampling/chi-square.ts';
import type { SamplingInput } from '../sampling/options.ts';
import { cachedContextModel } from '../testing/cached-context.ts';
import { constraintOfLetters, decodeTokens, newRun } from '../testing/decode-tokens.ts';
import { markovModel } from '../testing/markov.ts';
import { divergence, everyAnswer, type LegalAnswer, legalAnswers } from './every-answer.ts';
import { alignedDecoding } from './grammar-aligned-decoding.ts';
import { PrefixTrie } from './prefix-trie.ts';
import { openTrie, saveTrie } from './prefix-trie-file.ts';
import { regexLanguage } from './regex/regex.ts';

/** Letters a to e, and an end token. */
const vocabulary = 6;
const eosIds = [5];
const prompt = [0, 1, 2];
const maxTokens = 12;
/** The skewed language of the paper: one text begins with a, sixteen with b. */
const skewed = 'aaaaa|b[ab]{4}';

interface Setting {
  source?: string;
  seed?: number;
  temperature?: number;
  limit?: number;
}

/** A random model under a constraint, and all its legal answers. */
async function setting({ source = skewed, seed = 1, temperature = 1, limit = maxTokens }: Setting = {}) {
  const model = markovModel(seed, vocabulary, 1.5);
  const language = regexLanguage(source);
  const constraint = constraintOfLetters(language, eosIds, limit);
  const next = async (beginning: readonly number[]) => {
    const weights = Float64Array.from(model([...prompt, ...beginning]), (logit) =>
      Math.exp(logit / temperature),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  };
  const isEnd = (answer: readonly number[]) => answer.at(-1) === eosIds[0] || answer.length === limit;
  const every = () => everyAnswer(next, constraint, isEnd);
  /** One answer, and what it told. */
  async function draw(
    sampling: SamplingInput,
    trie: PrefixTrie,
    options: Record<string, unknown> = { draws: 1 },
  ) {
    const method = alignedDecoding(trie);
    const { run, steps } = await decodeTokens(method, model, {
      ...{ prompt, maxTokens: limit, eosIds, language, methodOptions: options },
      sampling: { temperature, ...sampling },
    });
    return { tokens: [...run.generated], legal: run.statistics.legal!, forwards: steps.length };
  }
  return { model, language, every, draw };
}

const distance = (answers: readonly LegalAnswer[]) =>
  answers.reduce((sum, { exact, drawn }) => sum + Math.abs(exact - drawn), 0) / 2;

describe('what is known', () => {
  it('closes in on the probability of legal answers from both sides', async () => {
    const sources = fc.constantFrom(skewed, '(?:a|bc?){1,3}', '[ab]*c', 'a{0,3}|[bcd]{2}', 'e');
    await fc.assert(
      fc.asyncProperty(sources, fc.nat(1000), fc.constantFrom(1, 0.6), async (source, seed, temperature) => {
        const { draw, ...listed } = await setting({ source, seed, temperature, limit: 6 });
        const every = await listed.every();
        const truth = every.root.possible;
        const trie = new PrefixTrie();
        let [most, least] = [1, 0];
        for (let i = 0; i < 30; i++) {
          await draw({ seed }, trie);
          const { possible, seen } = trie.root;
          expect(possible).toBeLessThanOrEqual(most);
          expect(seen).toBeGreaterThanOrEqual(least);
          expect(possible).toBeGreaterThanOrEqual(truth * (1 - 1e-6));
          expect(seen).toBeLessThanOrEqual(truth * (1 + 1e-6));
          [most, least] = [possible, seen];
          expect(distance(legalAnswers(every, trie))).toBeLessThanOrEqual(trie.unseen + 1e-6);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('is everything once every answer was drawn', async () => {
    const { draw, ...listed } = await setting();
    const every = await listed.every();
    const trie = new PrefixTrie();
    const known = () => legalAnswers(every, trie);
    const distances = [divergence(known())];
    for (let draws = 0; trie.unseen > 0; draws++) {
      expect(draws).toBeLessThan(20_000);
      await draw({ seed: 3 }, trie);
      distances.push(divergence(known()));
    }
    expect(known()).toHaveLength(17);
    expect(trie.root.possible).toBeCloseTo(every.root.possible, 12);
    expect(trie.root.seen).toBe(trie.root.possible);
    expect(distances[0]).toBeGreaterThan(0.01);
    expect(distances[100]).toBeLessThan(distances[0] / 2);
    expect(distances.at(-1)).toBeLessThan(1e-12);
  });

  it('grows by an answer with each draw that explores', async () => {
    const { draw } = await setting();
    const trie = new PrefixTrie();
    await draw({ seed: 3 }, trie, { draws: 17, tolerance: 0 });
    expect(trie.unseen).toBeGreaterThan(0);
    await draw({ seed: 3 }, trie, { draws: 2, tolerance: 0 });
    expect(trie.unseen).toBe(0);
  });

  it('costs no forward to draw from again', async () => {
    const { draw } = await setting({ source: 'a|b' });
    const trie = new PrefixTrie();
    for (let i = 0; i < 50; i++) await draw({}, trie);
    expect(trie.unseen).toBe(0);
    expect((await draw({}, trie, { draws: 1000, tolerance: 0 })).forwards).toBe(1);
  });
});

describe('the first draw', () => {
  const sampled = async (source: string, seed: number, masked: boolean) => {
    const { model, language, draw } = await setting({ source, limit: 8 });
    const { run } = await decodeTokens(findMethod('sample'), model, {
      ...{ prompt, maxTokens: 8, eosIds, sampling: { temperature: 1, seed } },
      ...(masked && { language }),
    });
    return { plain: [...run.generated], drawn: (await draw({ seed }, new PrefixTrie())).tokens };
  };

  it('is that of plain masking', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { plain, drawn } = await sampled(skewed, seed, true);
      expect(drawn).toEqual(plain);
    }
  });

  it('is that of plain sampling where everything is legal', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { plain, drawn } = await sampled('[abcde]*', seed, false);
      // The last token within the limit is one that ends the answer.
      expect(drawn.slice(0, 7)).toEqual(plain.slice(0, 7));
    }
  });
});

describe('answers', () => {
  /** How often each answer is given, by fresh tries. */
  async function counts(options: Record<string, unknown>, answers: number) {
    const { every, draw } = await setting({ source: 'aa|b[ab]', seed: 4 });
    const legal = legalAnswers(await every());
    const found = new Array<number>(legal.length).fill(0);
    let exact = 0;
    for (let seed = 0; seed < answers; seed++) {
      const { tokens, legal: known } = await draw({ seed }, new PrefixTrie(), options);
      found[legal.findIndex((answer) => answer.tokens.join() === tokens.join())]++;
      if (known.exact) exact++;
    }
    return {
      exact,
      p: chiSquareTest(
        found,
        legal.map((answer) => answer.exact),
      ).p,
    };
  }

  it('are drawn from the exact distribution where draws are rejected, and are not by masking', async () => {
    const rejected = await counts({ exact: true, draws: 1000 }, 800);
    expect(rejected.exact).toBe(800);
    expect(rejected.p).toBeGreaterThan(0.01);
    expect((await counts({ draws: 1 }, 800)).p).toBeLessThan(1e-6);
  });

  it('are nearly drawn from it behind many draws', async () => {
    expect((await counts({ draws: 200, tolerance: 0 }, 800)).p).toBeGreaterThan(0.01);
  });

  it('come as soon as the tolerance is met', async () => {
    const { draw } = await setting();
    const answer = (tolerance: number) => draw({}, new PrefixTrie(), { draws: 500, tolerance });
    const [loose, tight] = [await answer(0.5), await answer(0.001)];
    expect(loose.legal.unseen).toBeLessThanOrEqual(0.5);
    expect(tight.legal.unseen).toBeLessThanOrEqual(0.001);
    expect(loose.legal.draws).toBeLessThan(tight.legal.draws);
    expect(tight.legal.draws).toBeLessThan(500);
  });

  it('say when the draws did not suffice to be exact', async () => {
    const { draw } = await setting();
    expect((await draw({}, new PrefixTrie(), { exact: true, draws: 1 })).legal.exact).toBe(false);
  });
});

describe('a shared trie', () => {
  it('learns from all runs of a batch, whose answers stay exact', async () => {
    const { model, language, every } = await setting({ source: 'aa|b[ab]', seed: 4 });
    const legal = legalAnswers(await every());
    const found = new Array<number>(legal.length).fill(0);
    for (let seed = 0; seed < 200; seed++) {
      const method = alignedDecoding(new PrefixTrie());
      const { batch, forwardLanes } = cachedContextModel(model);
      const decoders = Array.from({ length: 4 }, (_, request) => {
        const sampling = { temperature: 1, seed };
        const options = { request, prompt, maxTokens, eosIds, language, sampling };
        const run = newRun(batch.open(), options, true);
        const given = parseMethodOptions(method, { exact: true, draws: 1000 });
        return { run, phases: method.phases(given, run) };
      });
      for await (const _ of decode({ forwardLanes }, batch, decoders));
      for (const { run } of decoders)
        found[legal.findIndex((answer) => answer.tokens.join() === run.generated.join())]++;
    }
    expect(
      chiSquareTest(
        found,
        legal.map((answer) => answer.exact),
      ).p,
    ).toBeGreaterThan(0.01);
  });

  it('is refused for another prompt, limit or temperature, and for another model or constraint', async () => {
    const trie = new PrefixTrie();
    const { draw } = await setting();
    await draw({}, trie);
    await expect(draw({ repetitionPenalty: 1.5 }, trie)).rejects.toMatchObject({ code: 'bad-input' });
    const others = [{ limit: 11 }, { seed: 2 }, { source: 'a[ac]' }];
    for (const other of others) {
      const { draw: drawOther } = await setting(other);
      const many = { draws: 50, tolerance: 0 };
      await expect(drawOther({}, trie, many), JSON.stringify(other)).rejects.toMatchObject({
        code: 'bad-input',
      });
    }
  });
});

describe('a trie of another constraint', () => {
  it('is refused where all of it is known, and no model is asked', async () => {
    const trie = new PrefixTrie();
    const { draw } = await setting({ source: 'a|b' });
    for (let i = 0; i < 50; i++) await draw({}, trie);
    expect(trie.unseen).toBe(0);
    for (const source of ['c|d', 'ac|bc']) {
      const { draw: drawOther } = await setting({ source });
      await expect(drawOther({}, trie), source).rejects.toMatchObject({ code: 'bad-input' });
    }
  });
});

it('refuses what would change the distribution, and a language that is ruled out', async () => {
  const { draw } = await setting();
  await expect(draw({ topK: 3 }, new PrefixTrie())).rejects.toMatchObject({ code: 'bad-option' });
  const banned = { logitBias: { 0: Number.NEGATIVE_INFINITY, 1: Number.NEGATIVE_INFINITY } };
  await expect(draw(banned, new PrefixTrie())).rejects.toMatchObject({ code: 'bad-option' });
  // A dead end further down costs a draw.
  const { tokens } = await (await setting({ source: 'ac|b' })).draw(
    { logitBias: { 2: Number.NEGATIVE_INFINITY } },
    new PrefixTrie(),
    { draws: 30 },
  );
  expect(tokens).toEqual([1, 5]);
});

describe('tries in files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quickstep-trie-'));
  afterAll(() => rm(folder, { recursive: true }));
  const path = join(folder, 'trie.json');

  it('go on where they were left', async () => {
    const { draw } = await setting();
    const [kept, memory] = [new PrefixTrie(), new PrefixTrie()];
    for (let i = 0; i < 10; i++) expect(await draw({}, kept)).toEqual(await draw({}, memory));
    await saveTrie(path, kept);
    const opened = (await openTrie(path))!;
    expect(opened.size).toBe(kept.size);
    expect(opened.root.possible).toBeCloseTo(kept.root.possible, 12);
    for (let i = 0; i < 30; i++)
      expect((await draw({}, opened)).tokens).toEqual((await draw({}, memory)).tokens);
  });

  it('are read and kept by the method', async () => {
    const { model, language } = await setting();
    const own = join(folder, 'own.json');
    const answer = (methodOptions: Record<string, unknown>) =>
      decodeTokens(findMethod('grammar-aligned-decoding'), model, {
        ...{ prompt, maxTokens, eosIds, language, methodOptions, sampling: { temperature: 1 } },
      });
    await answer({ draws: 5, tolerance: 0, trie: own });
    const first = (await openTrie(own))!;
    expect(first.draws).toBe(5);
    await answer({ draws: 5, tolerance: 0, trie: own });
    const second = (await openTrie(own))!;
    expect(second.draws).toBe(10);
    expect(second.root.seen).toBeGreaterThan(first.root.seen);
    await writeFile(own, '{"format"');
    await expect(answer({ trie: own })).rejects.toMatchObject({ code: 'bad-file' });
    // What is damaged is not written over.
    expect(await readFile(own, 'utf8')).toBe('{"format"');
  });

  it('that are damaged are refused, whatever is wrong with them', async () => {
    const { draw } = await setting();
    const trie = new PrefixTrie();
    for (let i = 0; i < 3; i++) await draw({}, trie);
    await saveTrie(path, trie);
    const source = await readFile(path, 'utf8');
    const { nodes, ...head } = JSON.parse(source);
    const damaged = async (content: string) => {
      await writeFile(path, content);
      await expect(openTrie(path), content.slice(0, 200)).rejects.toMatchObject({ code: 'bad-file' });
    };
    const changed = (index: number, column: number, value: unknown) =>
      nodes.map((row: unknown[], i: number) => (i === index ? row.toSpliced(column, 1, value) : row));
    for (const other of [{ version: 2 }, { format: 'x' }, { draws: -1 }, { subject: 3 }, { nodes: [] }])
      await damaged(JSON.stringify({ ...head, nodes, ...other }));
    const faults: [number, number, unknown][] = [
      [1, 0, 7],
      [1, 1, -2],
      [1, 2, 3],
      [1, 3, 1.5],
      [1, 3, null],
      [1, 4, 1],
      [2, 4, 2],
      [1, 5, 0],
      [0, 6, 0.0001],
      [1, 6, 'x'],
    ];
    // An answer without tokens would be drawn for ever.
    await damaged(JSON.stringify({ ...head, nodes: [[-1, -1, 0, 1, 1, -1, 0]] }));
    for (const fault of faults) await damaged(JSON.stringify({ ...head, nodes: changed(...fault) }));
    await damaged(JSON.stringify({ ...head, nodes: [...nodes, nodes.at(-1)] }));
    for (let cut = 0; cut < source.length; cut += 97) await damaged(source.slice(0, cut));
    expect(await openTrie(join(folder, 'none.json'))).toBeUndefined();
    await expect(openTrie(folder)).rejects.toMatchObject({ code: 'bad-file' });
    await expect(openTrie(join(path, 'below'))).rejects.toMatchObject({ code: 'not-found' });
    expect((await stat(path)).size).toBeGreaterThan(0);
  });
});
