/**
 * Arbitrage (2025): a draft's steps are rewritten where a router expects the model to write better ones, against RSD, which
 * rewrites steps that are not good enough. Each is decoded at several thresholds; at the same accuracy Arbitrage must write
 * fewer tokens with the model. For reference: rewriting at random, and an oracle that knows which steps the model would
 * write better. The paper counts the tokens that the model writes; as drafted steps are verified here, forwards are fewer.
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
import { sameAnswers } from './checks.ts';
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

/** A point of a curve: the share of right answers, and what an answer costs the model on average. */
export interface Point {
  accuracy: number;
  cost: number;
}

/** The points of a curve that no other beats, from the cheapest on. */
function frontier(curve: readonly Point[]): Point[] {
  const best: Point[] = [];
  for (const point of curve.toSorted((a, b) => a.cost - b.cost || b.accuracy - a.accuracy))
    if (point.accuracy > (best.at(-1)?.accuracy ?? Number.NEGATIVE_INFINITY)) best.push(point);
  return best;
}

/** What straight lines between points, ascending in `from`, have of `to`; the first point's before them, `beyond` behind. */
function between(
  points: readonly Point[],
  { from, at, to, beyond }: { from: keyof Point; at: number; to: keyof Point; beyond: number },
): number {
  const next = points.findIndex((point) => point[from] >= at);
  if (next < 0) return beyond;
  const [last, after] = [points[next - 1] ?? points[next], points[next]];
  const share = last === after ? 0 : (at - last[from]) / (after[from] - last[from]);
  return last[to] + share * (after[to] - last[to]);
}

/** Least cost at which a curve has an accuracy: that of a mix of its points. */
export const costFor = (accuracy: number, curve: readonly Point[]): number =>
  between(frontier(curve), { from: 'accuracy', at: accuracy, to: 'cost', beyond: Number.POSITIVE_INFINITY });

/** Highest accuracy that a curve has at a cost. */
export function accuracyFor(cost: number, curve: readonly Point[]): number {
  const points = frontier(curve);
  return between(points, { from: 'cost', at: cost, to: 'accuracy', beyond: points.at(-1)!.accuracy });
}

/** What the model is charged with: tokens of the steps that it writes, as in the paper, or its forwards, which are fewer. */
type Charge = 'tokens' | 'forwards';

function pointOf({ tasks }: Measurement, charge: Charge): Point {
  const { accuracy, forwards } = totalsOf(tasks);
  if (charge === 'forwards') return { accuracy, cost: forwards };
  const outcomes = tasks.flatMap(({ outcomes }) => outcomes);
  return { accuracy, cost: mean(outcomes.map(({ rewritten, forwards }) => rewritten ?? forwards)) };
}

/** Shares of what the model is better than the draft that a curve is asked to recover. */
const recovered = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/** Shares of what the model takes alone at which curves are compared. */
const shares = { tokens: [0.1, 0.25, 0.5], forwards: [0.04, 0.07, 0.1] } as const;

const percent = (share: number, digits = 0) => `${(100 * share).toFixed(digits)}%`;

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const fewer = (text: string, unit: Charge, value: number, bar: number): Condition => ({
  ...{ text, unit, value, bar },
  holds: value < bar,
});

function same(text: string, ours: Measurement, theirs: Measurement): Condition {
  const [value, bar] = [sameAnswers(ours, theirs), totalsOf(ours.tasks).samples];
  return { text, unit: 'answers', value, bar, holds: value === bar };
}

/** The proof for a draft and the router that was trained for it, by id or path; their target is house-causal. */
export const arbitrageProof = (ids: { draft: string; router: string }): Proof => ({
  slug: 'arbitrage',
  claim: `At the same accuracy fewer tokens of house-causal than RSD (step-level speculation with a threshold on the score), from half to 95% of what house-causal is better than ${ids.draft}.`,
  threshold: 1.03,
  gain: "times RSD's tokens of the model over those of the router, at the same accuracy",
  model: 'house-causal',
  tasks,
  decoding: routed('advantage', 0.5),
  settings: 'one router, at five thresholds for each rule, which were chosen on seed 2026',
  async run(context) {
    await using draft = await load(ids.draft);
    await using router = await load(ids.router);
    const { model, measure } = context;
    const curveOf = (route: keyof typeof thresholds) =>
      thresholds[route].map((threshold) => ({ ...routed(route, threshold), draft, router }));
    const all = await measure([
      { label: 'greedy', method: 'greedy' },
      { label: `${ids.draft} alone`, method: 'greedy', model: draft },
      { ...routed('advantage', 1), draft, router },
      { ...routed('advantage', 0), draft, router },
      { ...oracle(model, references(context)), draft },
      { ...atRandom(0.5), draft },
      ...curveOf('advantage'),
      ...curveOf('score'),
      {
        label: 'token-level speculation',
        method: 'draft-alignment',
        options: { length: 'fixed', draftTokens: 24 },
        draft,
      },
    ]);
    const [greedy, alone, never, always, best, half, ...curves] = all;
    const points = thresholds.advantage.length;
    const curvesBy = (charge: Charge) => {
      const point = (measurement: Measurement) => pointOf(measurement, charge);
      // All written by the model: token by token, or its drafts verified.
      const ends = [never, charge === 'tokens' ? greedy : always];
      return {
        oracle: [never, best].map(point),
        router: [...curves.slice(0, points), ...ends].map(point),
        RSD: [...curves.slice(points, points + thresholds.score.length), ...ends].map(point),
        random: [half, ...ends].map(point),
      };
    };
    const [low, high] = [never, greedy].map((measurement) => totalsOf(measurement.tasks).accuracy);
    const accuracies = recovered.map((share) => low + share * (high - low));
    const needed = (charge: Charge) =>
      Object.values(curvesBy(charge)).map((curve) => accuracies.map((accuracy) => costFor(accuracy, curve)));
    const costs = { tokens: needed('tokens'), forwards: needed('forwards') };
    const [, byRouter, byScore, byChance] = costs.tokens;
    const [, forwards, rsdForwards] = costs.forwards;
    return {
      measured: mean(byRouter),
      baseline: mean(byScore),
      conditions: [
        fewer("tokens for 95% of the gain, against RSD's", 'tokens', byRouter.at(-1)!, byScore.at(-1)!),
        fewer(
          'mean tokens over all these accuracies, against rewriting at random',
          'tokens',
          mean(byRouter),
          mean(byChance),
        ),
        fewer(
          'mean forwards over all these accuracies, against RSD',
          'forwards',
          mean(forwards),
          mean(rsdForwards),
        ),
        same(`answers with threshold 1 that are ${ids.draft}'s, token for token`, never, alone),
        same("answers with threshold 0 that are house-causal's, token for token", always, greedy),
      ],
      controls: [],
      figures: [
        ...(['tokens', 'forwards'] as const).map((charge) => ({
          title: `Mean ${charge} of the model an answer, to recover a share of what it is better than the draft`,
          head: [
            'recovered',
            'accuracy',
            'oracle',
            'router',
            'RSD',
            'random',
            'RSD / router',
            'router / oracle',
          ],
          rows: recovered.map((share, i) => {
            const row = costs[charge].map((values) => values[i]);
            const [ofOracle, ofRouter, ofRsd] = row;
            return [
              percent(share),
              percent(accuracies[i], 1),
              ...row,
              (ofRsd / ofRouter).toFixed(2),
              (ofRouter / ofOracle).toFixed(2),
            ];
          }),
        })),
        ...(['tokens', 'forwards'] as const).map((charge) => ({
          title: `Right answers at a share of the ${charge} that the model takes alone`,
          head: ['share', 'oracle', 'router', 'RSD', 'random'],
          rows: shares[charge].map((share) => {
            const cost = share * pointOf(greedy, charge).cost;
            const accurate = Object.values(curvesBy(charge)).map((curve) => accuracyFor(cost, curve));
            return [percent(share), ...accurate.map((accuracy) => percent(accuracy, 1))];
          }),
        })),
      ],
      measurements: all,
    };
  },
});

export const arbitrage = arbitrageProof({ draft: 'house-draft', router: 'house-router' });
