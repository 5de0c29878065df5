/** Prompt lookup: the draft against its definition, the answer against greedy and sampling, and that it pays. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { greedy } from '../baseline/greedy.ts';
import { sample } from '../baseline/sample.ts';
import { generate } from '../generate.ts';
import type { DraftTree } from '../phases.ts';
import type { Step } from '../step.ts';
import type { NextLogits } from '../testing/cached-context.ts';
import { decodeTokens } from '../testing/decode-tokens.ts';
import { markovModel } from '../testing/markov.ts';
import { loadStories } from '../testing/models.ts';
import { lookup, promptLookup } from './prompt-lookup.ts';

interface Occurrences {
  ngramMax: number;
  ngramMin: number;
  branches: number;
}

/** The definition, for one branch: what followed the latest earlier occurrence of the longest suffix that has one. */
function naiveChain(
  tokens: readonly number[],
  { ngramMax, ngramMin }: Occurrences,
  levels: number,
): number[] {
  for (let n = ngramMax; n >= ngramMin; n--) {
    const chains = chainsAfter(tokens, n, levels);
    if (chains.length > 0) return chains[0];
  }
  return [];
}

/** What followed every earlier occurrence of the last n tokens, latest first. */
function chainsAfter(tokens: readonly number[], n: number, levels: number): number[][] {
  const suffix = tokens.slice(-n).join();
  const chains: number[][] = [];
  for (let end = tokens.length - 1; end >= n; end--) {
    if (tokens.slice(end - n, end).join() === suffix) chains.push(tokens.slice(end, end + levels));
  }
  return chains;
}

/** The path from the root to each node. */
function paths({ tokens, parents }: DraftTree): string[] {
  const found: string[] = [];
  tokens.forEach((token, node) => {
    found.push(parents[node] < 0 ? String(token) : `${found[parents[node]]},${token}`);
  });
  return found;
}

const occurrences = fc
  .record({
    a: fc.integer({ min: 1, max: 4 }),
    b: fc.integer({ min: 1, max: 4 }),
    branches: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ a, b, branches }) => ({ ngramMax: Math.max(a, b), ngramMin: Math.min(a, b), branches }));
const texts = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 40 });

describe('lookup', () => {
  it('drafts what its definition says', () => {
    fc.assert(
      fc.property(texts, occurrences, fc.integer({ min: 1, max: 9 }), (tokens, options, levels) => {
        const { tokens: drafted, parents } = lookup(tokens, { ...options, branches: 1 }, levels);
        expect(drafted).toEqual(naiveChain(tokens, options, levels));
        expect(parents).toEqual(drafted.map((_, i) => i - 1));
      }),
      { numRuns: 1000 },
    );
  });

  it('merges several occurrences into a tree without equal siblings', () => {
    fc.assert(
      fc.property(texts, occurrences, fc.integer({ min: 1, max: 9 }), (tokens, options, levels) => {
        const tree = paths(lookup(tokens, options, levels));
        expect(new Set(tree).size).toBe(tree.length);
        let n = options.ngramMax;
        while (n > options.ngramMin && chainsAfter(tokens, n, levels).length === 0) n--;
        const expected = new Set<string>();
        let branches = 0;
        for (const chain of chainsAfter(tokens, n, levels)) {
          if (branches === options.branches) break;
          const before = expected.size;
          for (const i of chain.keys()) expected.add(chain.slice(0, i + 1).join());
          if (expected.size > before) branches++;
        }
        expect(tree.toSorted()).toEqual([...expected].toSorted());
      }),
      { numRuns: 1000 },
    );
  });

  it('stays within its limits, and keeps the latest occurrence first', () => {
    fc.assert(
      fc.property(
        texts,
        occurrences,
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 0, max: 9 }),
        (tokens, options, levels, nodes) => {
          const draft = lookup(tokens, options, levels, nodes);
          expect(draft.tokens.length).toBeLessThanOrEqual(nodes);
          for (const path of paths(draft)) expect(path.split(',').length).toBeLessThanOrEqual(levels);
          const first = naiveChain(tokens, options, levels).slice(0, nodes);
          expect(draft.tokens.slice(0, first.length)).toEqual(first);
        },
      ),
    );
  });
});

/** Counts to 19 and begins again: after a while every draft is right. */
const counting: NextLogits = (context) => {
  const logits = new Float32Array(20);
  logits[(context[context.length - 1] + 1) % 20] = 10;
  return logits;
};

describe('prompt lookup over a model of plain TypeScript', () => {
  it('writes and caches what plain decoding does, whatever its options and limits', async () => {
    const settings = fc.record({
      seed: fc.integer({ min: 0, max: 999 }),
      prompt: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 }),
      maxTokens: fc.integer({ min: 1, max: 40 }),
      contextLength: fc.integer({ min: 12, max: 60 }),
      stop: fc.constantFrom([], ['ab'], ['f', 'cde']),
      eosIds: fc.constantFrom([], [5]),
      temperature: fc.constantFrom(0, 0.7),
      draftTokens: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(
        settings,
        occurrences,
        async ({ seed, temperature, draftTokens, ...limits }, options) => {
          const model = markovModel(seed, 6, 4);
          const sampling = { temperature, seed };
          const plain = await decodeTokens(temperature > 0 ? sample : greedy, model, { ...limits, sampling });
          const { run, steps } = await decodeTokens(promptLookup, model, {
            ...limits,
            sampling,
            methodOptions: { ...options, draftTokens },
          });
          expect(run.generated).toEqual(plain.run.generated);
          expect(run.finish).toBe(plain.run.finish);
          expect(steps.map(({ text }) => text).join('')).toBe(plain.steps.map(({ text }) => text).join(''));
          const room = Math.min(limits.maxTokens, limits.contextLength - limits.prompt.length);
          let committed = 0;
          for (const step of steps) {
            expect(step.proposed.length).toBeLessThanOrEqual(
              Math.max(0, Math.min(draftTokens, room - committed - 1)),
            );
            committed += step.committed.length;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes ever fewer forwards for text that repeats itself', async () => {
    const { run, steps } = await decodeTokens(promptLookup, counting, { prompt: [0], maxTokens: 200 });
    expect(run.generated).toEqual(Array.from({ length: 200 }, (_, i) => (i + 1) % 20));
    expect(run.statistics.forwards).toBeLessThan(45);
    // Drafts grow up to the limit.
    expect(Math.max(...steps.map(({ proposed }) => proposed.length))).toBe(15);
  });

  it('drafts two tokens more after a draft that was right, and as many as were right after another', async () => {
    // Counts, and leaves a number out at times.
    const skipping: NextLogits = (context) => {
      const logits = new Float32Array(20);
      logits[(context[context.length - 1] + (context.length % 23 === 0 ? 2 : 1)) % 20] = 10;
      return logits;
    };
    const { steps } = await decodeTokens(promptLookup, skipping, { prompt: [0], maxTokens: 200 });
    let length = 1;
    let remaining = 200;
    let misses = 0;
    for (const { proposed, committed } of steps) {
      if (proposed.length > 0 && remaining > length) {
        expect(proposed).toHaveLength(length);
        const right = proposed.filter(({ accepted }) => accepted).length;
        if (right > 1 && right < length) misses++;
        length = right === length ? Math.min(length + 2, 15) : Math.max(1, right);
      }
      remaining -= committed.length;
    }
    expect(misses).toBeGreaterThan(2);
  });

  it('drafts the shortest when drafts are wrong', async () => {
    // What follows a token is never what followed it before.
    const contrary: NextLogits = (context) => {
      const logits = new Float32Array(6);
      const before = context.lastIndexOf(context.at(-1)!, -2);
      if (before >= 0) logits[context[before + 1]] = -10;
      return logits;
    };
    const { steps } = await decodeTokens(promptLookup, contrary, {
      prompt: [0, 1, 2],
      maxTokens: 40,
      methodOptions: { ngramMax: 1 },
    });
    for (const { proposed, committed } of steps) {
      expect(proposed.length).toBeLessThanOrEqual(1);
      expect(committed).toHaveLength(1);
    }
  });

  it('ends inside an accepted draft when a stop string does', async () => {
    const { run, steps } = await decodeTokens(promptLookup, counting, {
      prompt: [0],
      maxTokens: 200,
      // Three times round: drafts are long by then.
      stop: ['abcdefghijklmnopqrst'.repeat(3)],
    });
    expect(run.finish).toBe('stop');
    expect(run.generated).toHaveLength(79);
    expect(steps.map(({ text }) => text).join('')).toBe('bcdefghijklmnopqrst');
    const last = steps.at(-1)!;
    expect(last.proposed.length).toBeGreaterThan(last.committed.length);
    expect(last.proposed.filter(({ accepted }) => accepted)).toHaveLength(last.committed.length);
  });
});

describe('prompt lookup on stories260k', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadStories('w8a8');
  });
  afterAll(() => model[Symbol.asyncDispose]());

  const prompt = 'The cat sat on the mat. The dog sat on the mat. '.repeat(4);

  it('takes fewer forwards than tokens where the text repeats itself', async () => {
    const options = { method: promptLookup, maxTokens: 80, ignoreEos: true };
    const { tokens, forwards, statistics } = await generate(model, prompt, options).result;
    expect(tokens).toHaveLength(80);
    expect(statistics.accepted).toBeGreaterThan(8);
    expect(forwards).toBeLessThan(72);
  });

  it.each([2, 3, 4])(
    'writes the same with %i branches, and accepts some that are not the latest',
    async (branches) => {
      const options = { maxTokens: 120, ignoreEos: true };
      const plain = await generate(model, prompt, { ...options, method: greedy }).result;
      const steps: Step[] = [];
      const tree = generate(model, prompt, {
        ...options,
        method: promptLookup,
        methodOptions: { branches, ngramMin: 1, ngramMax: 2, draftTokens: 12 },
      });
      for await (const step of tree) steps.push(step);
      expect((await tree.result).tokens).toEqual(plain.tokens);
      // A second child of its parent, accepted.
      const second = steps.some(({ proposed }) =>
        proposed.some(
          (node, i) => node.accepted && proposed.slice(0, i).some(({ parent }) => parent === node.parent),
        ),
      );
      expect(second).toBe(true);
    },
  );
});
