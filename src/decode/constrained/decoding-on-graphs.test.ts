/** Decoding on graphs with a model that knows nothing of graphs: what the method adds to the constraint. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../models/language-model.ts';
import { generate } from '../generate.ts';
import { loadStories, prompts } from '../testing/models.ts';
import { elect } from './decoding-on-graphs.ts';
import { checkChain } from './graph/check-chain.ts';
import { KnowledgeGraph } from './graph/knowledge-graph.ts';
import { wellFormedChains } from './graph/well-formed-chains.ts';

const graph = KnowledgeGraph.of(
  ['Tom likes Lily', 'Lily likes Max', 'Max has dog', 'Tom has cat', 'Ben likes Tom', 'cat sees dog'].map(
    (text) => {
      const [head, relation, tail] = text.split(' ');
      return { head, relation, tail };
    },
  ),
);

describe('decoding on graphs', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadStories('w8a8');
  });
  afterAll(() => model[Symbol.asyncDispose]());

  const answer = (method: string, methodOptions: Record<string, unknown>, prompt: string) => {
    const constraint = wellFormedChains(graph, ['Tom'], { maxTriples: 3 });
    return generate(model, prompt, { constraint, method, methodOptions, maxTokens: 120 }).result;
  };

  it('is greedy decoding with one beam, and beam search without a vote', async () => {
    for (const prompt of prompts.slice(0, 2)) {
      const [one, greedy] = [
        await answer('decoding-on-graphs', { beams: 1 }, prompt),
        await answer('greedy', {}, prompt),
      ];
      expect(one.tokens).toEqual(greedy.tokens);
      const [three, search] = [
        await answer('decoding-on-graphs', { vote: false }, prompt),
        await answer('beam-search', { beams: 3 }, prompt),
      ];
      expect(three.tokens).toEqual(search.tokens);
    }
  });

  it.each(['model', 'legal'])('writes well-formed chains by %s probabilities', async (score) => {
    for (const prompt of prompts.slice(0, 3)) {
      const { text, finish } = await answer('decoding-on-graphs', { score }, prompt);
      const check = checkChain(graph, ['Tom'], text);
      expect(check).toMatchObject({ connected: true, faithful: check.triples });
      expect(finish).toBe('eos');
    }
  });
});

describe('the vote', () => {
  it('adds up chains that end in the same answer', () => {
    const logs = (...shares: number[]) => shares.map(Math.log);
    expect(elect(['x', 'y', 'y'], logs(0.5, 0.3, 0.3))).toBe(1);
    expect(elect(['x', 'y', 'y'], logs(0.7, 0.3, 0.3))).toBe(0);
    expect(elect(['x', 'y'], logs(0.5, 0.5))).toBe(0);
  });
});
