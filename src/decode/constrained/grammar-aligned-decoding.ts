/**
 * ASAp, adaptive sampling with approximate expected futures (Park et al. 2024, "Grammar-Aligned Decoding",
 * arXiv:2405.21047). Masking hands the probability of what is illegal to whichever legal token comes next, so
 * beginnings that hardly ever lead to a legal answer are drawn far too often. ASAp draws answers over and over and
 * weighs every token with the probability, as far as it is known, that a legal answer follows it (`prefix-trie.ts`).
 * What it draws from comes ever nearer to the model's own distribution over legal answers.
 *
 * Places where a drawn token is drawn again cost no forward: whether the next token is one of them is decided first, from
 * the trie alone. Only a new token needs the model, so the forwards of a draw are those of what is new in it.
 *
 * With `explore`, draws that only teach leave out what was drawn before (their weights are possible - seen), as sampling
 * without replacement does (Shi, Bieber and Sutton 2020); the answer is drawn as in the paper.
 *
 * With `exact`, a draw goes on from a place with the probability by which what is found there is less than what was
 * expected. The draws that get through to their end are drawn from the model's distribution over legal answers, at any
 * time (adaptive rejection sampling, Gilks and Wild 1992, with the trie as the envelope).
 */

import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import { defineMethod, type Method } from '../method.ts';
import type { Run } from '../run.ts';
import { hasFilters } from '../sampling/processors.ts';
import { type DrawnAnswer, Draws } from './aligned-draws.ts';
import type { PrefixTrie } from './prefix-trie.ts';

const options = z.strictObject({
  draws: z
    .int()
    .min(1)
    .max(100_000)
    .default(16)
    .describe('Most answers drawn to learn what is legal; the last one is the answer.'),
  tolerance: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('Draw the answer as soon as it is at most so far from the exact distribution.'),
  explore: z
    .boolean()
    .default(true)
    .describe('Learn from answers that were not drawn before, so that each draw tells something new.'),
  exact: z
    .boolean()
    .default(false)
    .describe('Reject draws such that the first one that is kept is drawn from the exact distribution.'),
  trie: z
    .string()
    .min(1)
    .optional()
    .meta({ value: 'path', description: 'File that what is learned is read from and kept in.' }),
});

/**
 * The method, with a trie of one's own: answers to the same prompt under the same constraint, one after the other or in
 * one batch, learn from each other.
 * @param onAnswer Told of each answer that is drawn, those that only teach included.
 * @example generateBatch(model, Array(8).fill(prompt), { method: alignedDecoding(new PrefixTrie()), grammar });
 */
export function alignedDecoding(
  shared?: PrefixTrie,
  onAnswer?: (answer: DrawnAnswer) => void,
): Method<typeof options> {
  return defineMethod({
    slug: 'grammar-aligned-decoding',
    title: 'Grammar-Aligned Decoding',
    family: 'constrained',
    summary:
      "Draws answers under a constraint over and over, and learns from each where legal answers lie, so that the last one is drawn from the model's own distribution over them.",
    options,
    needs: ['causal'],
    sampling: 'sampled',
    guarantee: 'own',
    constrains: true,
    phases: (given, run) => {
      if (!run.constraint) return {};
      check(given, run, shared);
      return new Draws(given, run, run.constraint, shared, onAnswer).phases();
    },
  });
}

export const grammarAlignedDecoding = alignedDecoding();

/** @throws QuickstepError 'bad-option' for options that do not go together */
function check({ trie }: z.output<typeof options>, { request, sampler }: Run, shared?: PrefixTrie): void {
  const refuse = (problem: string, hint: string) => new QuickstepError('bad-option', problem, hint);
  if (hasFilters(sampler.options)) {
    const hint = 'Leave topK, topP, typicalP and minP out.';
    throw refuse('Without unlikely tokens, the distribution to draw from is another one.', hint);
  }
  if (trie === undefined) return;
  if (request > 0 || shared) {
    throw refuse('A trie in a file is that of one prompt.', 'Decode one prompt, or share a PrefixTrie.');
  }
  if (sampler.options.logprobs !== undefined) {
    throw refuse('Alternatives of tokens are not kept in a trie.', 'Leave out logprobs or trie.');
  }
}
