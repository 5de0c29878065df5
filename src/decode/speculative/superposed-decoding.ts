/**
 * Superposed Decoding (arXiv:2405.18400): k drafts for the price of one. The model reads one row a step, the mixture of
 * the drafts' last tokens, and says one distribution p; n-grams of a folder of texts tell the drafts apart:
 *   p'     the m most likely tokens of softmax(logits / T), made to sum to 1
 *   l_i(x) = (1 - α) log p'(x) + α log g_i(x)          for draft i, g_i from its own last tokens (ngram-smoothing.ts)
 * and the k best of all s_i + l_i(x) are the drafts of the next step. Their last tokens are mixed by softmax(s), equal ones
 * together. It is beam search with one row in place of k, and an approximation: what it caches belongs to no single draft.
 */

import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import type { Mixture, Scores } from '../../models/forward.ts';
import type { NgramStore } from '../../ngrams/index.ts';
import { defineMethod } from '../method.ts';
import { emptyDraft } from '../phases.ts';
import type { Run } from '../run.ts';
import type { Choice } from '../sampling/sampler.ts';
import { topM } from '../sampling/select.ts';
import { ngramShares } from './ngram-smoothing.ts';

const options = z.strictObject({
  drafts: z.int().min(1).max(32).default(3).describe('How many answers are written at once.'),
  ngrams: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Store of n-grams that tell drafts apart: a file of quickstep ngrams build, or shakespeare-ngrams; none without it.',
    ),
  ngramShare: z
    .number()
    .min(0)
    .max(0.99)
    .default(0.54)
    .describe('Weight of the n-grams beside the model, with a store.'),
  sharpness: z
    .number()
    .positive()
    .max(100)
    .default(0.06)
    .describe(
      'Temperature of the distribution that drafts are scored by; the smaller, the more the best draft leads.',
    ),
  candidates: z
    .int()
    .min(1)
    .max(256)
    .default(9)
    .describe('Most likely tokens that each draft may go on with.'),
});

type Options = z.output<typeof options>;

/** What a draft loses by a token that no text goes on with: it comes behind all others, but there are always k drafts. */
const ungrounded = 200;

/** The beginning of an answer. */
export interface Draft {
  readonly choices: readonly Choice[];
  /** Σ l, in nats. */
  readonly score: number;
}

const tokensOf = ({ choices }: Draft): number[] => choices.map(({ token }) => token);

/** What the model is fed for drafts: their last tokens by softmax of the scores, equal ones together. */
export function superposed(drafts: readonly Draft[]): Mixture {
  const best = Math.max(...drafts.map(({ score }) => score));
  const weights = new Map<number, number>();
  let total = 0;
  for (const { choices, score } of drafts) {
    const { token } = choices[choices.length - 1];
    const weight = Math.exp(score - best);
    weights.set(token, (weights.get(token) ?? 0) + weight);
    total += weight;
  }
  return [...weights].map(([token, weight]) => [token, weight / total] as const);
}

/** The m most likely tokens with log p', likeliest first. */
function likeliest(logits: Float32Array, { candidates, sharpness }: Options) {
  const tokens = [...topM(logits, candidates)].filter((token) => logits[token] > Number.NEGATIVE_INFINITY);
  const scaled = tokens.map((token) => (logits[token] - logits[tokens[0]]) / sharpness);
  const total = Math.log(scaled.reduce((sum, value) => sum + Math.exp(value), 0));
  return { tokens, logProbs: scaled.map((value) => value - total) };
}

/** l_i of the candidates of a draft. */
export function interpolate(logProbs: readonly number[], shares: ArrayLike<number>, share: number): number[] {
  return logProbs.map(
    (logProb, i) => (1 - share) * logProb + (shares[i] > 0 ? share * Math.log(shares[i]) : -ungrounded),
  );
}

interface Extension {
  draft: Draft;
  token: number;
  score: number;
}

/** The best extensions of all drafts, best first; earlier drafts and likelier tokens on ties. */
function extend(
  run: Run,
  drafts: readonly Draft[],
  logits: Float32Array,
  options: Options,
  store: NgramStore | undefined,
): Extension[] {
  const { sampler, prompt } = run;
  const shared = sampler.argmaxOnly ? likeliest(logits, options) : undefined;
  const extensions = drafts.flatMap((draft): Extension[] => {
    const written = tokensOf(draft);
    const { tokens, logProbs } =
      shared ??
      likeliest(
        sampler.shape(logits, { promptTokens: prompt, generatedTokens: written, step: written.length }),
        options,
      );
    const scores = store
      ? interpolate(logProbs, ngramShares(store, [...prompt, ...written], tokens), options.ngramShare)
      : logProbs;
    return tokens.map((token, i) => ({ draft, token, score: draft.score + scores[i] }));
  });
  return extensions.sort((a, b) => b.score - a.score).slice(0, 2 * options.drafts);
}

/**
 * Opens a store that was made with the run's tokenizer.
 * @throws QuickstepError 'bad-option' for another tokenizer; as `NgramStore.open`.
 */
async function openStore(path: string, run: Run): Promise<NgramStore> {
  const { NgramStore, tokenizerDigest } = await import('../../ngrams/index.ts');
  const store = await NgramStore.open(path);
  if (store.facts.tokenizer === tokenizerDigest(run.tokenizer)) return store;
  await store[Symbol.asyncDispose]();
  const hint = 'Build one with the tokenizer of this model: quickstep ngrams build <folder> --model <id>.';
  throw new QuickstepError('bad-option', `The n-grams of ${path} are of another tokenizer.`, hint);
}

export const superposedDecoding = defineMethod({
  slug: 'superposed-decoding',
  title: 'Superposed decoding',
  family: 'speculative',
  summary:
    'Writes several drafts at once with one model row a step, fed a mixture of their last tokens; n-grams of texts tell them apart.',
  options,
  needs: ['causal', 'embeddings-in'],
  sampling: 'greedy',
  guarantee: 'own',
  phases: (options, run) => {
    const { drafts: limit, ngrams } = options;
    let store: NgramStore | undefined;
    /** At first all drafts would be the same. */
    let drafts: readonly Draft[] = [{ choices: [], score: 0 }];
    /** At most `limit`, best first. */
    let finished: readonly Draft[] = [];

    /** Scores only fall: no draft is left that could still be among the best. */
    const settled = () =>
      drafts.length === 0 || (finished.length === limit && drafts[0].score <= finished[limit - 1].score);

    function advance(logits: Float32Array): void {
      const extensions = extend(run, drafts, logits, options, store);
      const choices = run.sampler.report(
        logits,
        extensions.map(({ token }) => token),
      );
      const next = extensions.map(({ draft, score }, i) => ({
        choices: [...draft.choices, choices[i]],
        score,
      }));
      const ends = (draft: Draft) => run.finishOf(tokensOf(draft)) !== undefined;
      finished = [...finished, ...next.filter(ends)].sort((a, b) => b.score - a.score).slice(0, limit);
      drafts = next.filter((draft) => !ends(draft)).slice(0, limit);
    }

    return {
      needsLogits: true,
      prepare: async () => {
        if (ngrams !== undefined) store = await openStore(ngrams, run);
      },
      conclude: async () => {
        await store?.[Symbol.asyncDispose]();
        store = undefined;
      },
      propose: () => {
        const tokens = drafts[0].choices.length > 0 ? [superposed(drafts)] : run.pending();
        return {
          groups: [{ sequence: run.sequence, tokens, scored: [tokens.length - 1] }],
          draft: emptyDraft,
        };
      },
      choose: (_run, _proposal, [scores]: readonly Scores[]) => {
        advance(scores.logits(0));
        if (settled()) {
          for (const choice of finished[0].choices) run.push(choice);
          run.answers = finished.map((draft) => ({ tokens: tokensOf(draft), score: draft.score }));
        }
        return { accepted: [] };
      },
    };
  },
});
