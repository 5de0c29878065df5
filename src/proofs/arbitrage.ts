/**
 * Arbitrage (2025): a draft's steps are rewritten where a router expects the model to write better ones, against RSD, which
 * rewrites steps that are not good enough. Each is decoded at several thresholds; at the same accuracy Arbitrage must write
 * fewer tokens with the model. For reference: rewriting at random, and an oracle that knows which steps the model would
 * write better. A token that the model writes is one of its forwards, as accepted steps are read in the next.
 */

import type { Method } from '../decode/method.ts';
import { uniform } from '../decode/random.ts';
import type { Run } from '../decode/run.ts';
import { arbitrage as method, type Route, stepPhases } from '../decode/speculative/arbitrage.ts';
import { DraftLanes } from '../decode/speculative/draft-lanes.ts';
import { LaneReader } from '../decode/speculative/lane-reader.ts';
import { isBeginning, stepEnds, writeStep } from '../decode/speculative/reasoning-step.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { load } from '../models/load.ts';
import { problemEncoder } from '../tasks/encode.ts';
import { findTask } from '../tasks/index.ts';
import { totalsOf } from '../tasks/measure.ts';
import { taskProblems } from '../tasks/problem-set.ts';
import { hashText } from '../tasks/split.ts';
import { forwardsOf, sameAnswers } from './checks.ts';
import type { Condition, Decoding, Measurement, Proof, ProofContext, TaskLevel } from './proof.ts';

const tasks: readonly TaskLevel[] = [1, 2, 3, 4].map((level) => ({
  task: 'word-problems',
  level,
  maxTokens: 96,
}));
const stepTokens = 64;
/** Of the random numbers of rewriting at random. */
const randomStream = 351;

const thresholds = {
  advantage: [0.7, 0.5, 0.3, 0.1, 0.02],
  score: [0.3, 0.5, 0.7, 0.9, 0.98],
} as const;
const names = { advantage: 'router', score: 'RSD' } as const;

const routed = (route: keyof typeof thresholds, threshold: number): Decoding => ({
  label: `${names[route]} ${threshold}`,
  method: method.slug,
  options: { route, threshold, stepTokens },
});

/** Step-level speculation by a route of the proof's own. */
const variant = (slug: string, route: (run: Run) => { route: Route; close?(): void }): Method => ({
  ...(method as unknown as Method),
  slug,
  router: false,
  phases: (_, run) => {
    const { route: decide, close } = route(run);
    return { ...stepPhases(run, stepTokens, decide), dispose: async () => close?.() };
  },
});

/** Rewrites a share of the steps, whatever they are. */
const atRandom = (share: number): Decoding => ({
  label: `random ${share}`,
  method: variant(`random-${share}`, ({ prompt }) => ({
    route: async ({ length: position }) =>
      uniform({ seed: hashText(prompt.join()), stream: randomStream, step: 0, position }) < share,
  })),
});

/** Right answers, in tokens, by the tokens of their prompts. */
function references({ model, tasks, seed, samples, split }: ProofContext): Map<string, readonly number[]> {
  const encode = problemEncoder(model.tokenizer);
  const known = new Map<string, readonly number[]>();
  for (const { task, level } of tasks) {
    const set = taskProblems(findTask(task), { seed, level, split });
    for (let i = 0; i < samples; i++) {
      const { tokens, answerStart } = encode(set.at(i));
      known.set(tokens.subarray(0, answerStart).join(), [...tokens.subarray(answerStart)]);
    }
  }
  return known;
}

/** Rewrites the steps that the model writes right and the draft wrong, having both at hand. */
function oracle(model: LanguageModel, known: ReadonlyMap<string, readonly number[]>): Decoding {
  const lanes = new DraftLanes(model, { vocabSize: model.config.vocabSize, cost: 1 });
  const ends = stepEnds(model.tokenizer, model.eosIds);
  const greedy = (scores: { topToken(index: number): number }) => ({ token: scores.topToken(0) });
  return {
    label: 'oracle',
    method: variant('oracle', (run) => {
      const lane = lanes.open();
      const reader = new LaneReader(lane);
      const right = known.get(run.prompt.join())!;
      let open = true;
      return {
        route: async (text, step) => {
          const before = text.slice(run.prompt.length);
          if (isBeginning([...before, ...step], right)) return false;
          const own = await writeStep(reader, text, { ends, most: stepTokens }, greedy, false);
          return isBeginning([...before, ...own.map(({ token }) => token)], right);
        },
        close: () => {
          if (open) lane.close();
          open = false;
        },
      };
    }),
  };
}

/** A point of a curve: the share of right answers, and mean tokens of the model an answer. */
export interface Point {
  accuracy: number;
  tokens: number;
}

/** Fewest tokens at which a curve has an accuracy, on straight lines between the points that no other beats. */
export function tokensFor(accuracy: number, curve: readonly Point[]): number {
  let last: Point | undefined;
  for (const point of curve.toSorted((a, b) => a.tokens - b.tokens || b.accuracy - a.accuracy)) {
    if (last && point.accuracy <= last.accuracy) continue;
    if (point.accuracy >= accuracy) {
      if (!last) return point.tokens;
      const share = (accuracy - last.accuracy) / (point.accuracy - last.accuracy);
      return last.tokens + share * (point.tokens - last.tokens);
    }
    last = point;
  }
  return Number.POSITIVE_INFINITY;
}

const pointOf = ({ tasks }: Measurement): Point => {
  const { accuracy, forwards } = totalsOf(tasks);
  return { accuracy, tokens: forwards };
};

/** Shares of what the model is better than the draft that a curve is asked to recover. */
const recovered = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const fewer = (text: string, value: number, bar: number): Condition => ({
  ...{ text, unit: 'forwards', value, bar },
  holds: value < bar,
});

function same(text: string, ours: Measurement, theirs: Measurement): Condition {
  const [value, bar] = [sameAnswers(ours, theirs), totalsOf(ours.tasks).samples];
  return { text, unit: 'answers', value, bar, holds: value === bar };
}

export const arbitrage: Proof = {
  slug: 'arbitrage',
  claim:
    'At the same accuracy fewer tokens of house-causal than RSD (step-level speculation with a threshold on the score), from half to 95% of what house-causal is better than house-draft.',
  threshold: 1.03,
  gain: "times RSD's tokens of the model over those of the router, at the same accuracy",
  model: 'house-causal',
  tasks,
  decoding: routed('advantage', 0.5),
  settings: 'the one router that ships, at five thresholds each, which were chosen on seed 2026',
  async run(context) {
    await using draft = await load('house-draft');
    await using router = await load('house-router');
    const { model, measure } = context;
    const curveOf = (route: keyof typeof thresholds) =>
      thresholds[route].map((threshold) => ({ ...routed(route, threshold), draft, router }));
    const randoms = [0.5].map((share) => ({ ...atRandom(share), draft }));
    const all = await measure([
      { label: 'greedy', method: 'greedy' },
      { label: 'house-draft alone', method: 'greedy', model: draft },
      { ...routed('advantage', 1), draft, router },
      { ...routed('advantage', 0), draft, router },
      { ...oracle(model, references(context)), draft },
      { label: 'token-level speculation', method: 'draft-alignment', draft },
      ...curveOf('advantage'),
      ...curveOf('score'),
      ...randoms,
    ]);
    const [greedy, alone, never, always, best, tokenLevel, ...curves] = all;
    const ends = [never, greedy];
    const split = [thresholds.advantage.length, thresholds.advantage.length + thresholds.score.length];
    const parts = [curves.slice(0, split[0]), curves.slice(split[0], split[1]), curves.slice(split[1])];
    const [ours, rsd, random] = parts.map((part) => [...part, ...ends].map(pointOf));
    const [low, high] = [pointOf(never).accuracy, pointOf(greedy).accuracy];
    const accuracies = recovered.map((share) => low + share * (high - low));
    const needed = (curve: readonly Point[]) => accuracies.map((accuracy) => tokensFor(accuracy, curve));
    const [byRouter, byScore, byChance] = [ours, rsd, random].map(needed);
    const upToOracle = tokensFor(Math.min(high, pointOf(best).accuracy), ours);
    return {
      measured: mean(byRouter),
      baseline: mean(byScore),
      conditions: [
        fewer("tokens for 95% of the gain, against RSD's", byRouter.at(-1)!, byScore.at(-1)!),
        fewer(
          'mean tokens over all these accuracies, against rewriting at random',
          mean(byRouter),
          mean(byChance),
        ),
        same("answers with threshold 1 that are house-draft's, token for token", never, alone),
        same("answers with threshold 0 that are house-causal's, token for token", always, greedy),
      ],
      controls: [],
      figures: [
        {
          title: 'Mean tokens of the model an answer, to recover a share of what it is better than the draft',
          head: ['recovered', 'accuracy', 'router', 'RSD', 'random', 'RSD / router'],
          rows: recovered.map((share, i) => [
            `${(100 * share).toFixed(0)}%`,
            `${(100 * accuracies[i]).toFixed(1)}%`,
            byRouter[i],
            byScore[i],
            byChance[i],
            (byScore[i] / byRouter[i]).toFixed(2),
          ]),
        },
        {
          title: 'How near the oracle, which knows what the model would write',
          head: ['', 'accuracy', 'tokens of the model'],
          rows: [
            ['oracle', `${(100 * pointOf(best).accuracy).toFixed(1)}%`, forwardsOf(best)],
            [
              "router, at the oracle's accuracy or the model's",
              `${(100 * Math.min(high, pointOf(best).accuracy)).toFixed(1)}%`,
              upToOracle,
            ],
            [
              'token-level speculation, forwards',
              `${(100 * pointOf(tokenLevel).accuracy).toFixed(1)}%`,
              forwardsOf(tokenLevel),
            ],
          ],
        },
      ],
      measurements: all,
    };
  },
};
