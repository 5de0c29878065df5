/**
 * What adaptive sampling converges to, computed outright: all legal answers of a language that is small enough to be
 * listed, and what a trie that knows some of them draws.
 */

import { QuickstepError } from '../../errors.ts';
import { PrefixTrie, type TrieNode } from './prefix-trie.ts';
import type { AnswerConstraint } from './processor.ts';
import { allows } from './token-constraint.ts';

const maxNodes = 100_000;

/** A legal answer and its probabilities. */
export interface LegalAnswer {
  readonly tokens: readonly number[];
  /** Under the model alone. */
  readonly probability: number;
  /** Given that an answer is legal: `probability` over that of all legal ones. */
  readonly exact: number;
  /** Under what was asked about. */
  readonly drawn: number;
}

/**
 * The trie of all legal answers; its root's `possible` is their probability.
 * @param next The model's distribution behind an answer's beginning, [vocabulary].
 * @param isEnd Whether an answer ends with its last token.
 * @throws QuickstepError 'bad-option' for a language that is too large to list
 */
export async function everyAnswer(
  next: (beginning: readonly number[]) => Promise<Float64Array>,
  constraint: AnswerConstraint,
  isEnd: (answer: readonly number[]) => boolean,
): Promise<PrefixTrie> {
  const trie = new PrefixTrie();
  const open: { node: TrieNode; tokens: readonly number[] }[] = [{ node: trie.root, tokens: [] }];
  for (let place = open.pop(); place; place = open.pop()) {
    const { node, tokens } = place;
    const probabilities = await next(tokens);
    const mask = constraint.mask(tokens);
    let [count, mass] = [0, 0];
    for (const [token, probability] of probabilities.entries()) {
      if (!allows(mask, token) || probability === 0) continue;
      count++;
      mass += probability;
      const child = trie.add(node, { token, logprob: Math.log(probability) }, probability);
      const answer = [...tokens, token];
      if (isEnd(answer)) trie.close(child);
      else open.push({ node: child, tokens: answer });
    }
    trie.expand(node, { count, mass });
    if (trie.size > maxNodes) {
      const hint = 'Constrain the answer to fewer texts.';
      throw new QuickstepError('bad-option', `The language has more than ${maxNodes} beginnings.`, hint);
    }
  }
  return trie;
}

/**
 * All answers of a complete trie, and how likely each is to be drawn next with what another trie knows: with an empty
 * one, by plain masking.
 */
export function legalAnswers(every: PrefixTrie, known: PrefixTrie = new PrefixTrie()): LegalAnswer[] {
  const answers: LegalAnswer[] = [];
  const visit = (
    node: TrieNode,
    learned: TrieNode | undefined,
    tokens: readonly number[],
    [probability, drawn]: readonly [number, number],
  ) => {
    if (node.end) {
      answers.push({ tokens, probability, exact: probability / every.root.possible, drawn });
      return;
    }
    const weights = Array.from(node.children.values(), (child) => {
      return child.probability * (learned?.children.get(child.choice.token)?.possible ?? 1);
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, child] of [...node.children.values()].entries()) {
      const { token } = child.choice;
      visit(
        child,
        learned?.children.get(token),
        [...tokens, token],
        [probability * child.probability, drawn * (weights[index] / total)],
      );
    }
  };
  visit(every.root, known.root, [], [1, 1]);
  return answers;
}

/** Kullback-Leibler divergence of what is drawn from the exact distribution, in nats. */
export function divergence(answers: readonly LegalAnswer[]): number {
  return answers.reduce(
    (sum, { exact, drawn }) => sum + (exact > 0 ? exact * Math.log(exact / drawn) : 0),
    0,
  );
}
